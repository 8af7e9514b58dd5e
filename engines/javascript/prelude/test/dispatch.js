// From a request to its answer, in Node.js: a stub stands for the engine.
//
//   npm test

import assert from "node:assert/strict";
import { test } from "node:test";

import { Engine } from "./engine.js";

const PLAIN = ["content-type", "text/plain;charset=UTF-8"];

test("a response at once", async () => {
  const engine = new Engine();
  assert.equal(engine.hooks.hasHandler(), false);
  engine.handle(`{ prefix: "hi ", fetch(request) { return new Response(this.prefix + request.method + request.url); } }`);
  assert.equal(engine.hooks.hasHandler(), true);
  assert.deepEqual(engine.request({ url: "http://h/x" }), [["respond", 200, PLAIN, "hi GEThttp://h/x", false, true]]);
  await engine.settle();
  assert.equal(engine.calls.length, 1);
});

test("a promise of a response", async () => {
  const engine = new Engine();
  engine.handle("async () => { await null; return new Response(null, { status: 201 }); }");
  assert.deepEqual(engine.request(), []);
  assert.deepEqual(await engine.settle(), [["respond", 201, [], undefined, false, true]]);
});

test("what a handler gets", () => {
  const engine = new Engine();
  engine.hooks.configure({ bodyText: false, vars: [["NAME", "v", 0], ["SECRET", null, 1], ["URL", "u", 2]] });
  engine.handle(`(request, env, ctx) => new Response(JSON.stringify([
    request.headers.get("X-A"), request.params.id, ctx.params, env, NAME, SECRET, typeof URL,
  ]))`);
  const [[, , , body]] = engine.request({ headers: ["x-a", "1", "x-a", "2"], params: ["id", "7", "__proto__", "p"] });
  assert.equal(body, '["1, 2","7",{"id":"7","__proto__":"p"},{"NAME":"v","SECRET":"value 1","URL":"u"},"v","value 1","function"]');
});

test("variables of the environment at the top level", () => {
  const engine = new Engine();
  engine.isSnapshotting = true;
  engine.hooks.configure({ bodyText: false, vars: [["SECRET", null, 1]] });
  assert.throws(() => engine.eval("SECRET"), /SECRET is read from the environment/);
});

test("the body of a request", async () => {
  const engine = new Engine();
  engine.handle("async (request) => new Response((await request.text()) + request.bodyUsed)");
  engine.request({ method: "POST", body: "abc" });
  assert.equal((await engine.settle())[0][3], "abctrue");
  engine.handle("async (request) => new Response(JSON.stringify([await request.clone().json(), await request.json()]))");
  engine.request({ method: "POST", body: '{"a":1}' });
  assert.equal((await engine.settle())[0][3], '[{"a":1},{"a":1}]');
  engine.handle("(request) => new Response(request.body)");
  assert.deepEqual(engine.request({ method: "POST", body: "through" }), [["respond", 200, [], "through", false, true]]);
  assert.equal(engine.request()[0][3], undefined);
  engine.hooks.configure({ bodyText: true, vars: [] });
  engine.handle("(request) => new Response(request.body + request.body)");
  assert.equal(engine.request({ method: "POST", body: "x" })[0][3], "xx");
});

test("headers of a request cannot be changed, but copied", () => {
  const engine = new Engine();
  engine.handle(`(request) => {
    try { request.headers.set("a", "b"); } catch (error) { 
      const copy = new Headers(request.headers);
      copy.set("a", "b");
      const other = new Request(request, { headers: copy });
      return new Response(error.name, { headers: [...other.headers, ["set-cookie", "1"], ["Set-Cookie", "2"]] });
    }
  }`);
  const [, status, headers, body] = engine.request({ headers: ["x", "y"] })[0];
  assert.deepEqual([status, headers, body], [200, ["a", "b", "x", "y", "set-cookie", "1", "set-cookie", "2", ...PLAIN], "TypeError"]);
});

test("exceptions", async () => {
  const engine = new Engine();
  engine.handle("() => { throw new RangeError('no'); }");
  assert.deepEqual(engine.request(), [["fail", "exception", "RangeError: no"]]);
  engine.handle("async () => { throw 'text'; }");
  engine.request();
  assert.deepEqual(await engine.settle(), [["fail", "exception", "'text'"]]);
  engine.handle("() => null.x");
  assert.equal(engine.request()[0][1], "exception");
});

test("what is no response", async () => {
  const engine = new Engine();
  for (const value of ["undefined", "null", "'text'", "({ status: 200 })", "Promise.resolve(7)"]) {
    engine.handle(`() => ${value}`);
    engine.request();
    const [[name, kind]] = await engine.settle();
    assert.deepEqual([name, kind], ["fail", "response"], value);
  }
  engine.handle("() => Response.error()");
  assert.equal(engine.request()[0][1], "response");
  engine.handle("async () => { const r = new Response('x'); await r.text(); return r; }");
  engine.request();
  assert.deepEqual((await engine.settle())[0].slice(0, 2), ["fail", "response"]);
});

test("default exports that are none", () => {
  const engine = new Engine();
  assert.equal(engine.hooks.adopt(undefined), undefined);
  for (const value of [{}, 7, "x", { fetch: 1 }]) assert.match(engine.hooks.adopt(value), /default export/);
});

test("waitUntil", async () => {
  const engine = new Engine();
  engine.handle(`(request, env, ctx) => {
    ctx.passThroughOnException();
    ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 10)));
    ctx.waitUntil(Promise.reject(new Error("late")));
    return new Response("x");
  }`);
  assert.deepEqual(engine.request(), [["respond", 200, PLAIN, "x", false, false]]);
  await engine.settle();
  assert.deepEqual(engine.calls.length, 1);
  assert.deepEqual(engine.log, [[3, "In a promise given to waitUntil: Error: late"]]);
  assert.equal(engine.wake, 10);
  engine.now = 10;
  assert.deepEqual((await engine.settle()).slice(1), [["done"]]);
  assert.equal(engine.wake, Infinity);
});

test("a late waitUntil ends nothing twice", async () => {
  const engine = new Engine();
  engine.handle(`(request, env, ctx) => {
    ctx.waitUntil(Promise.resolve().then(() => { setTimeout(() => ctx.waitUntil(Promise.resolve()), 5); }));
    return new Response("x");
  }`);
  engine.request();
  await engine.settle();
  engine.now = 5;
  assert.deepEqual((await engine.settle()).slice(1), [["done"]]);
});

test("routers may set params", () => {
  const engine = new Engine();
  engine.handle("(request) => { request.params = { a: 1 }; return new Response(JSON.stringify(request.params)); }");
  assert.equal(engine.request({ params: ["id", "7"] })[0][3], '{"a":1}');
});

test("streams, with pressure", async () => {
  const engine = new Engine();
  engine.handle(`() => {
    let at = 0;
    return new Response(new ReadableStream({
      pull(controller) {
        if (at === 3) controller.close();
        else controller.enqueue(new Uint8Array([97 + at++]));
      },
    }));
  }`);
  engine.request();
  assert.deepEqual(await engine.settle(), [
    ["respond", 200, [], undefined, true, false],
    ["chunk", "a"], ["chunk", "b"], ["chunk", "c"], ["end"], ["done"],
  ]);
  engine.room = false;
  engine.request();
  assert.deepEqual((await engine.settle()).slice(1), [["chunk", "a"]]);
  engine.hooks.drained(engine.lastId);
  assert.deepEqual((await engine.settle()).slice(1), [["chunk", "a"], ["chunk", "b"]]);
  engine.room = true;
  engine.hooks.drained(engine.lastId);
  assert.deepEqual((await engine.settle()).slice(-2), [["end"], ["done"]]);
  engine.hooks.drained(engine.lastId);
  engine.hooks.drained(999);
});

test("streams that fail", async () => {
  const engine = new Engine();
  engine.handle(`() => new Response(new ReadableStream({ pull(controller) { controller.enqueue("text"); } }))`);
  engine.request();
  assert.deepEqual((await engine.settle()).slice(1), [["abort", "TypeError: A chunk of a body is no Uint8Array"], ["done"]]);
  engine.handle(`() => new Response(new ReadableStream({ pull() { throw new Error("broken"); } }))`);
  engine.request();
  assert.deepEqual((await engine.settle()).slice(1), [["abort", "Error: broken"], ["done"]]);
});

test("streams that are known go out whole", () => {
  const engine = new Engine();
  engine.handle(`() => { const one = new Response("x"); return new Response(one.body, { headers: { a: "b" } }); }`);
  assert.deepEqual(engine.request(), [["respond", 200, ["a", "b"], "x", false, true]]);
  engine.handle(`() => new Response(new Blob(["b"], { type: "t/u" }))`);
  assert.deepEqual(engine.request(), [["respond", 200, ["content-type", "t/u"], "b", false, true]]);
  engine.handle(`() => new Response(new Blob(["blob"]).stream())`);
  assert.equal(engine.request()[0][0], "respond");
});

test("HEAD does not pump", async () => {
  const engine = new Engine();
  engine.handle(`() => new Response(new ReadableStream({ cancel() { console.log("cancelled"); } }))`);
  assert.deepEqual(engine.request({ method: "HEAD" }), [["respond", 200, [], undefined, false, true]]);
  assert.deepEqual(engine.log, [[1, "cancelled"]]);
});

test("the client goes away", async () => {
  const engine = new Engine();
  engine.handle(`(request) => {
    request.signal.onabort = () => console.log("aborted " + request.signal.reason.name);
    return new Response(new ReadableStream({ cancel() { console.log("cancelled"); } }));
  }`);
  engine.request();
  await engine.settle();
  engine.hooks.cancelled(engine.lastId);
  engine.hooks.cancelled(engine.lastId);
  assert.deepEqual((await engine.settle()).slice(1), [["done"]]);
  assert.deepEqual(engine.log.map((line) => line[1]), ["aborted AbortError", "cancelled"]);
});

test("the client goes away before there is an answer", async () => {
  const engine = new Engine();
  engine.handle(`async (request, env, ctx) => {
    ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 5)));
    await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    return new Response("too late");
  }`);
  engine.request();
  await engine.settle();
  engine.hooks.cancelled(engine.lastId);
  assert.deepEqual(await engine.settle(), []);
  engine.now = 5;
  assert.deepEqual(await engine.settle(), [["done"]]);
});

test("fetch listeners", async () => {
  const engine = new Engine();
  engine.eval(`
    addEventListener("fetch", (event) => {
      if (event.request.url.endsWith("/first")) event.respondWith(new Response("first"));
      if (event.request.url.endsWith("/throw")) throw new Error("listener");
      if (event.request.url.endsWith("/twice")) {
        event.respondWith(new Response("once"));
        try { event.respondWith(new Response("twice")); } catch (error) { console.log(error.name); }
      }
    });
    addEventListener("fetch", (event) => {
      if (event.request.url.endsWith("/none")) return;
      event.waitUntil(Promise.resolve());
      event.respondWith(Promise.resolve(new Response("second")));
    });
  `);
  assert.equal(engine.hooks.hasHandler(), true);
  assert.equal(engine.request({ url: "http://h/first" })[0][3], "first");
  engine.request({ url: "http://h/second" });
  assert.equal((await engine.settle())[0][3], "second");
  assert.equal(engine.request({ url: "http://h/twice" })[0][3], "once");
  assert.deepEqual(engine.log, [[1, "InvalidStateError"]]);
  engine.request({ url: "http://h/none" });
  assert.deepEqual(await engine.settle(), [["fail", "response", "no listener has called respondWith"]]);
});

test("a fetch listener that throws", () => {
  const engine = new Engine();
  engine.eval(`addEventListener("fetch", () => { throw new Error("listener"); });`);
  assert.deepEqual(engine.request(), [["fail", "exception", "Error: listener"]]);
  assert.deepEqual(engine.log, []);
});

test("rejections that nobody handles", () => {
  const engine = new Engine();
  engine.hooks.unhandledRejection(engine.eval(`new Error("lost")`), engine.eval("Promise.resolve()"));
  assert.deepEqual(engine.log, [[3, "Unhandled rejection: Error: lost"]]);
  engine.eval(`onunhandledrejection = (event) => { console.log(event.reason.message); event.preventDefault(); };`);
  engine.hooks.unhandledRejection(engine.eval(`new Error("seen")`), engine.eval("Promise.resolve()"));
  assert.deepEqual(engine.log.slice(1), [[1, "seen"]]);
});

test("random numbers in a snapshot", () => {
  const engine = new Engine();
  engine.isSnapshotting = true;
  const first = engine.eval("Math.random()");
  engine.isSnapshotting = false;
  const other = new Engine();
  other.isSnapshotting = true;
  assert.equal(other.eval("Math.random()"), first);
  assert.notEqual(engine.eval("Math.random()"), other.eval("Math.random()"));
});

test("errors in words", () => {
  const engine = new Engine();
  const describe = (code) => engine.hooks.describe(engine.eval(code));
  assert.match(describe("new TypeError('m')"), /^TypeError: m\n/);
  assert.match(describe("new Error('a', { cause: new Error('b') })"), /Caused by: Error: b/);
  assert.match(describe("new AggregateError([new Error('a')], 'm')"), /- Error: a/);
  assert.equal(describe("undefined"), "undefined");
  assert.equal(describe("({ a: 1 })"), "{ a: 1 }");
  assert.equal(typeof describe("new Proxy(new Error('x'), { get() { throw 1; } })"), "string");
});
