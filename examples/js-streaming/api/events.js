// Server-sent events. A browser that has lost its connection says which event it saw last.
const LAST = 10;

export default {
  fetch(request) {
    const encoder = new TextEncoder();
    let next = Number(request.headers.get("last-event-id") ?? 0) + 1;
    let timer;
    const body = new ReadableStream({
      start(controller) {
        const send = () => {
          const event = { number: next, time: new Date().toISOString() };
          controller.enqueue(encoder.encode(`id: ${next}\ndata: ${JSON.stringify(event)}\n\n`));
          if (++next <= LAST) return;
          clearInterval(timer);
          controller.enqueue(encoder.encode("event: end\ndata:\n\n"));
          controller.close();
        };
        timer = setInterval(send, 500);
        send();
      },
      // The browser is gone.
      cancel() {
        clearInterval(timer);
        console.log(`left before event ${next}`);
      },
    });
    return new Response(body, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
    });
  },
};
