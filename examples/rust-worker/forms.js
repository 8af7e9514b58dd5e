// Shows the answers below the forms. Without this script the forms work too, and leave the page.

for (const form of document.forms) {
  const output = form.querySelector("output");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    output.textContent = "…";
    try {
      output.textContent = form.dataset.answer === "bytes" ? await sendFile(form) : await send(form);
    } catch (error) {
      output.textContent = String(error);
    }
  });
}

async function send(form) {
  const fields = new URLSearchParams(new FormData(form));
  const response =
    form.method === "post"
      ? await fetch(form.action, { method: "POST", body: fields })
      : await fetch(`${form.action}?${fields}`);
  return `${response.status}\n${await response.text()}`;
}

async function sendFile(form) {
  const sent = await form.elements.file.files[0].arrayBuffer();
  const response = await fetch(form.action, { method: "POST", body: sent });
  const received = await response.arrayBuffer();
  const before = new Uint8Array(sent);
  const after = new Uint8Array(received);
  const same = before.length === after.length && before.every((byte, at) => byte === after[at]);
  return `${response.status}\n${after.length} bytes came back, ${same ? "the same" : "not the same"}`;
}
