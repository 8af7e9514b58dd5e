// Hands every request on to UPSTREAM, and its answer back, both as they come. `?to=URL` asks for
// another URL, to see what a call that is not allowed looks like.
export default {
  async fetch(request, env) {
    const { pathname, search, searchParams } = new URL(request.url);
    const target = searchParams.get("to") ?? env.UPSTREAM + pathname + search;
    const { method, headers, body } = request;
    try {
      return await fetch(target, { method, headers, body, redirect: "manual" });
    } catch (error) {
      return new Response(`${error.message}\n`, { status: 502 });
    }
  },
};
