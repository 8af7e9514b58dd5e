// All tests as one script for the engine. They run in a request, since some values can be had only
// there: `run prelude-tests.js http://localhost/`, or with the name of an area as the path.

const areas = {
  blob: () => import("./blob.js"),
  clone: () => import("./clone.js"),
  console: () => import("./console.js"),
  crypto: () => import("./crypto.js"),
  encoding: () => import("./encoding.js"),
  events: () => import("./events.js"),
  fetch: () => import("./fetch.js"),
  globals: () => import("./globals.js"),
  headers: () => import("./headers.js"),
  streams: () => import("./streams.js"),
  url: () => import("./url.js"),
};

export default {
  async fetch(request) {
    const name = new URL(request.url).pathname.slice(1);
    const wanted = name === "" ? Object.keys(areas) : [name];
    for (const area of wanted) await areas[area]();
    return new Response("all tests passed\n");
  },
};
