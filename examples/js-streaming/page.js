// Runs in the browser: wws.toml does not name it, so it is a file like any other.
const lines = document.querySelector("#lines");
const list = document.querySelector("#events");

const events = new EventSource("/api/events");
events.onmessage = ({ data }) => {
  const { time } = JSON.parse(data);
  list.append(Object.assign(document.createElement("li"), { textContent: time }));
};
events.addEventListener("end", () => events.close());

const answer = await fetch("/api/lines?count=10");
const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
for (;;) {
  const { done, value } = await reader.read();
  if (done) break;
  lines.append(value);
}
