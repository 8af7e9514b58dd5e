// GET /visits adds one to the counter "visits" and tells the sum; ?by=10 adds ten.
export default {
  async fetch(request) {
    const by = Number(new URL(request.url).searchParams.get("by") ?? 1);
    if (!Number.isSafeInteger(by)) return new Response("by is not a whole number\n", { status: 400 });
    const { name } = request.params;
    const count = await kv.increment(name, by);
    return new Response(`${name}: ${count}\n`);
  },
};
