// GET / lists all counters.
export default {
  async fetch() {
    const { keys } = await kv.list();
    const lines = await Promise.all(keys.map(async (name) => `${name}: ${await kv.get(name)}\n`));
    return new Response(lines.join(""));
  },
};
