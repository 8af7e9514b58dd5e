// A body in pieces: each is sent as soon as it is there.
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function* lines(count) {
  for (let line = 1; line <= count; line++) {
    yield `line ${line} of ${count}\n`;
    await pause(200);
  }
}

export default {
  fetch(request) {
    const count = Number(new URL(request.url).searchParams.get("count") ?? 5);
    const body = ReadableStream.from(lines(count)).pipeThrough(new TextEncoderStream());
    return new Response(body, { headers: { "content-type": "text/plain; charset=utf-8" } });
  },
};
