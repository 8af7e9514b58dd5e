// The form of service workers, which needs no export. Answers `/event`.
addEventListener("fetch", (event) => {
  event.respondWith(answer(event.request));
});

async function answer(request) {
  const text = await request.text();
  return Response.json({ method: request.method, text });
}
