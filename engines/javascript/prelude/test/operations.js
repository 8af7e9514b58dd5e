// What scripts have their host do, in Node.js: a stub stands for the engine.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Engine } from "./engine.js";

const ANSWER = { status: 200, reason: "OK", url: "http://a/", redirected: false };

/** An engine whose handler has this body, and its first request. */
async function run(body, request = {}) {
  const engine = new Engine();
  engine.handle(`async (request, env, ctx) => { ${body} }`);
  engine.request(request);
  await engine.settle();
  return engine;
}

const bytes = (engine, text) => engine.eval("Uint8Array").from(new TextEncoder().encode(text));
const sent = (engine, name) => engine.operations.get(engine.last(name)).args;
const text = (engine) => engine.calls.find(([name]) => name === "respond")[3];

test("what a call says and gets", async () => {
  const engine = await run(`const answer = await fetch("http://a/b?c#d", {
    method: "put", body: "text", headers: { "x-a": "1", accept: "a/b" }, redirect: "manual" });
    return new Response([answer.status, answer.statusText, answer.url, answer.type, answer.body === null,
      answer.headers.get("x-b")].join());`);
  const [method, url, headers, body, redirect] = sent(engine, "fetch");
  assert.deepEqual([method, url, body, redirect], ["PUT", "http://a/b?c", "text", "manual"]);
  assert.deepEqual([...headers], ["x-a", "1", "accept", "a/b", "content-type", "text/plain;charset=UTF-8",
    "user-agent", "wws", "accept-encoding", "gzip"]);
  await engine.settled(engine.last("fetch"), { ...ANSWER, status: 204, reason: "No Content", headers: ["x-b", "2"] });
  assert.equal(text(engine), "204,No Content,http://a/,basic,true,2");
  // Nothing is left of it at the host.
  assert.deepEqual(engine.cancelled, [engine.last("fetch")]);
});

test("the answer is asked for only when it is read", async () => {
  const engine = await run(`const { body } = await fetch("http://a/"); await kv.get("wait");
    let all = "";
    for await (const piece of body) all += piece.length;
    return new Response(all);`);
  await engine.settled(engine.last("fetch"), { ...ANSWER, headers: [] });
  assert.equal([...engine.operations.values()].filter(({ name }) => name === "receive").length, 0);
  await engine.settled(engine.last("kvGet"), [null]);
  for (const piece of ["ab", "cde"]) await engine.settled(engine.last("receive"), bytes(engine, piece));
  await engine.settled(engine.last("receive"), undefined);
  assert.equal(text(engine), "23");
});

test("the next chunk of a body is made when there is room for it", async () => {
  const engine = await run(`let made = 0;
    const body = new ReadableStream({ pull(controller) {
      if (made === 3) controller.close(); else controller.enqueue(new Uint8Array([made++])); } }, { highWaterMark: 0 });
    const answer = await fetch("http://a/", { method: "POST", body });
    return new Response(answer.status + "," + made);`);
  assert.equal(sent(engine, "fetch")[3], true);
  for (const want of [[0], [1], [2]]) {
    const [call, piece] = sent(engine, "send");
    assert.equal(call, engine.last("fetch"));
    assert.deepEqual([...piece], want);
    await engine.settled(engine.last("send"), undefined);
  }
  assert.equal(sent(engine, "send")[1], null);
  await engine.settled(engine.last("send"), undefined);
  await engine.settled(engine.last("fetch"), { ...ANSWER, headers: [] });
  assert.equal(text(engine), "200,3");
});

test("a server that wants no more of a body", async () => {
  const engine = await run(`let cancelled = "no";
    const body = new ReadableStream({ pull(controller) { controller.enqueue(new Uint8Array(1)); },
      cancel(reason) { cancelled = reason; } });
    const answer = await fetch("http://a/", { method: "POST", body });
    return new Response(answer.status + cancelled);`);
  await engine.failed(engine.last("send"), "closed", "enough");
  await engine.settled(engine.last("fetch"), { ...ANSWER, status: 413, headers: [] });
  assert.equal(text(engine), "413enough");
});

test("a call that fails", async () => {
  const engine = await run(`const error = await fetch("http://a/").catch((error) => error);
    return new Response([error.name, error.message, error.cause.code, error.cause.message].join());`);
  await engine.failed(engine.last("fetch"), "refused", "change this");
  assert.equal(text(engine), "TypeError,fetch: change this,refused,change this");
});

test("a call whose answer breaks off", async () => {
  const engine = await run(`const answer = await fetch("http://a/");
    const error = await answer.text().catch((error) => error);
    return new Response([error.name, error.cause.code].join());`);
  await engine.settled(engine.last("fetch"), { ...ANSWER, headers: [] });
  await engine.failed(engine.last("receive"), "broken", "cut");
  assert.equal(text(engine), "TypeError,broken");
});

test("a signal ends a call, and its listener goes with the call", async () => {
  const engine = await run(`const control = new AbortController(); globalThis.control = control;
    const error = await fetch("http://a/", { signal: control.signal }).catch((error) => error);
    return new Response(error);`);
  engine.eval("control.abort('mine'); undefined");
  await engine.settle();
  assert.equal(text(engine), "mine");
  assert.ok(engine.cancelled.includes(engine.last("fetch")));
  // What the host has said too late is nobody's.
  await engine.settled(engine.last("fetch"), { ...ANSWER, headers: [] });
});

test("the client of a request that is handed on goes away", async () => {
  const engine = await run("return fetch(request);", { method: "POST", body: "abc" });
  assert.equal(new TextDecoder().decode(sent(engine, "fetch")[3]), "abc");
  engine.hooks.cancelled(1);
  await engine.settle();
  assert.ok(engine.cancelled.includes(engine.last("fetch")));
});

test("what runs is known to be a request's after it has waited", async () => {
  const engine = new Engine();
  engine.handle(`async (request) => {
    const name = request.url.slice("http://h".length);
    await kv.get(name); await new Promise((done) => setTimeout(done, 10)); await kv.get(name);
    return new Response(name); }`);
  engine.request({ url: "http://h/one" });
  engine.request({ url: "http://h/two" });
  await engine.settle();
  await engine.settled(2, [null]);
  await engine.settled(1, [null]);
  engine.now = 10;
  await engine.settle();
  const owners = [...engine.operations.values()].map(({ owner, args }) => [owner, args[0]]);
  assert.deepEqual(owners, [[1, "/one"], [2, "/two"], [2, "/two"], [1, "/one"]]);
});

test("no more operations than may be at once", async () => {
  const engine = await run(`const all = Array.from({ length: 300 }, () => kv.increment("n"));
    return new Response((await Promise.all(all)).length);`);
  assert.equal(engine.operations.size, 256);
  for (let number = 1; number <= 300; number++) engine.hooks.settled(number, false, 1n), await engine.settle();
  assert.equal(text(engine), "300");
});

test("at the top level there is no outside", async () => {
  const engine = new Engine();
  engine.isSnapshotting = true;
  for (const use of ["fetch('http://a/')", "kv.get('a')", "(async () => Cache.get('a'))()", "(async () => Cache.set('a', ''))()"]) {
    await assert.rejects(engine.eval(use), /at the top level of a script/);
  }
  assert.equal(engine.operations.size, 0);
});
