import { bytes, collect, finish, isEngine, ok, rejects, same, test, throws } from "./assert.js";

await test("Response: defaults", async () => {
  const response = new Response();
  same([response.status, response.ok, response.statusText, response.type, response.url, response.redirected], [200, true, "", "default", "", false]);
  same(response.body, null);
  same(response.bodyUsed, false);
  same([...response.headers], []);
  same(await response.text(), "");
  same(response.bodyUsed, false);
  same(await response.text(), "");
  same(Object.keys(response), []);
  same(Response.length, 0);
});

await test("Response: init", () => {
  const response = new Response("x", { status: 404, statusText: "Not Found", headers: { A: "b" } });
  same([response.status, response.ok, response.statusText, response.headers.get("a")], [404, false, "Not Found", "b"]);
  for (const status of [199, 600, 0, -1, 1000, "x"]) throws(RangeError, () => new Response("", { status }));
  for (const status of [204, 205, 304]) {
    throws(TypeError, () => new Response("", { status }));
    same(new Response(null, { status }).status, status);
  }
  throws(TypeError, () => new Response("", { statusText: "a\nb" }));
  throws(TypeError, () => new Response("", { headers: { "a b": "c" } }));
  throws(TypeError, () => new Response("", 7));
  same(new Response("x", new Response("y", { status: 201, headers: { z: "1" } })).headers.get("z"), "1");
});

await test("Response: content types", () => {
  const type = (body, headers) => new Response(body, { headers }).headers.get("content-type");
  same(type("x"), "text/plain;charset=UTF-8");
  same(type(12), "text/plain;charset=UTF-8");
  same(type(""), "text/plain;charset=UTF-8");
  same(type(null), null);
  same(type(undefined), null);
  same(type(bytes(1)), null);
  same(type(bytes(1).buffer), null);
  same(type(new Blob(["x"], { type: "a/b" })), "a/b");
  same(type(new Blob(["x"])), null);
  same(type(new URLSearchParams("a=b")), "application/x-www-form-urlencoded;charset=UTF-8");
  same(type(new ReadableStream()), null);
  same(type("x", { "Content-Type": "text/html" }), "text/html");
  same(type("x", [["CONTENT-TYPE", "text/html"]]), "text/html");
  same(type("x", { x: "content-type" }), "text/plain;charset=UTF-8");
});

await test("Response: reading in all ways", async () => {
  same(await new Response("hé").text(), "hé");
  same(await new Response("\ufeffx").text(), "x");
  same(await new Response('{"a":[1]}').json(), { a: [1] });
  same(new Uint8Array(await new Response("hé").arrayBuffer()), bytes(104, 195, 169));
  if (isEngine) same(await new Response("hé").bytes(), bytes(104, 195, 169));
  const blob = await new Response("x", { headers: { "content-type": "Text/HTML;charset=utf-8" } }).blob();
  same([await blob.text(), blob.type], ["x", "text/html;charset=utf-8"]);
  same((await new Response(bytes(1, 2, 3).subarray(1)).arrayBuffer()).byteLength, 2);
  same(await new Response(new Blob(["blob"])).text(), "blob");
  same(await new Response(new URLSearchParams({ a: "b c" })).text(), "a=b+c");
  same(await new Response(bytes(0xff, 97)).text(), "\ufffda");
  same((await new Response().arrayBuffer()).byteLength, 0);
  await rejects(SyntaxError, new Response("{").json());
  await rejects(SyntaxError, new Response().json());
  same(await new Response("\ud800").text(), "\ufffd");
});

await test("Response: the body is a copy", async () => {
  const data = bytes(97, 98);
  const response = new Response(data);
  data[0] = 122;
  same(await response.text(), "ab");
});

await test("Response: a body is read once", async () => {
  for (const body of ["x", bytes(1), new Blob(["x"]), ReadableStream.from([bytes(1)])]) {
    const response = new Response(body);
    same(response.bodyUsed, false);
    await response.text();
    same(response.bodyUsed, true);
    await rejects(TypeError, response.text());
    await rejects(TypeError, () => response.json());
    throws(TypeError, () => response.clone());
  }
  const locked = new Response("x");
  locked.body.getReader();
  same(locked.bodyUsed, false);
  await rejects(TypeError, locked.text());
  const cancelled = new Response("x");
  await cancelled.body.cancel();
  same(cancelled.bodyUsed, true);
  await rejects(TypeError, cancelled.text());
});

await test("Response: the stream of a body", async () => {
  const response = new Response("hé");
  ok(response.body instanceof ReadableStream);
  ok(response.body === response.body);
  same(await collect(response.body), [bytes(104, 195, 169)]);
  same(response.bodyUsed, true);
  const reader = new Response("abc").body.getReader({ mode: "byob" });
  const first = await reader.read(new Uint8Array(2));
  same(first.value, bytes(97, 98));
  const second = await reader.read(new Uint8Array(2));
  same(second.value, bytes(99));
  same((await reader.read(new Uint8Array(2))).done, true);
  same(await collect(new Response("").body), []);
  const text = new Response("x");
  void text.body;
  same(await text.text(), "x");
  same(text.body.locked, isEngine ? true : text.body.locked);
});

await test("Response: a stream as body", async () => {
  const chunked = ReadableStream.from([bytes(97), bytes(98, 99)]);
  same(await new Response(chunked).text(), "abc");
  const error = new Error("broken");
  const broken = new ReadableStream({
    pull(controller) {
      controller.error(error);
    },
  });
  same(await new Response(broken).text().catch((reason) => reason === error), true);
  await rejects(TypeError, new Response(ReadableStream.from(["text"])).text());
  const used = ReadableStream.from([bytes(1)]);
  await used.cancel();
  throws(TypeError, () => new Response(used));
  const locked = new ReadableStream();
  locked.getReader();
  throws(TypeError, () => new Response(locked));
  same(await new Response(new Response("other").body).text(), "other");
  const from = new Response("other");
  const to = new Response(from.body, from);
  same(await to.text(), "other");
  same(from.bodyUsed, true);
});

await test("Response: clone", async () => {
  const response = new Response("x", { status: 201, headers: { a: "b" } });
  const copy = response.clone();
  copy.headers.set("a", "c");
  same([response.headers.get("a"), copy.status], ["b", 201]);
  same([await response.text(), await copy.text()], ["x", "x"]);
  const streamed = new Response(ReadableStream.from([bytes(97), bytes(98)]));
  const other = streamed.clone();
  same([await other.text(), await streamed.text()], ["ab", "ab"]);
  const opened = new Response("y");
  void opened.body;
  const third = opened.clone();
  same([await opened.text(), await third.text()], ["y", "y"]);
});

await test("Response: json, redirect, error", async () => {
  const json = Response.json({ a: 1 }, { status: 201 });
  same([json.status, json.headers.get("content-type"), await json.text()], [201, "application/json", '{"a":1}']);
  same(Response.json(1, { headers: { "content-type": "a/b" } }).headers.get("content-type"), "a/b");
  throws(TypeError, () => Response.json(undefined));
  throws(TypeError, () => Response.json(() => 1));
  throws(TypeError, () => Response.json(1, { status: 204 }));
  const redirect = Response.redirect("http://a/b c", 301);
  same([redirect.status, redirect.headers.get("location"), redirect.body], [301, "http://a/b%20c", null]);
  same(Response.redirect("http://a").status, 302);
  throws(RangeError, () => Response.redirect("http://a", 200));
  throws(TypeError, () => Response.redirect("http://[::1"));
  throws(TypeError, () => redirect.headers.set("a", "b"));
  const error = Response.error();
  same([error.type, error.status, error.ok, error.body], ["error", 0, false, null]);
  throws(TypeError, () => error.headers.append("a", "b"));
});

await test("Request: defaults", async () => {
  const request = new Request("http://a/b?c#d");
  same([request.method, request.url, request.body, request.bodyUsed], ["GET", "http://a/b?c#d", null, false]);
  same([request.redirect, request.mode, request.credentials, request.cache], ["follow", "cors", "same-origin", "default"]);
  same([request.referrer, request.referrerPolicy, request.integrity, request.keepalive, request.destination], ["about:client", "", "", false, ""]);
  ok(request.signal instanceof AbortSignal);
  ok(request.signal === request.signal);
  same(request.duplex, "half");
  same(new Request(new URL("http://A/")).url, "http://a/");
  same(await request.text(), "");
  same(Object.keys(request), []);
  same(Request.length, 1);
});

await test("Request: init", async () => {
  const request = new Request("http://a/", { method: "post", body: "x", headers: { A: "b" }, redirect: "manual", keepalive: 1 });
  same([request.method, request.headers.get("a"), request.headers.get("content-type")], ["POST", "b", "text/plain;charset=UTF-8"]);
  same([request.redirect, request.keepalive, await request.text()], ["manual", true, "x"]);
  same(new Request("http://a/", { method: "patch" }).method, "patch");
  same(new Request("http://a/", { method: "Foo" }).method, "Foo");
  for (const method of ["CONNECT", "trace", "TRACK", "a b", ""]) throws(TypeError, () => new Request("http://a", { method }));
  throws(TypeError, () => new Request("http://a", { body: "x" }));
  throws(TypeError, () => new Request("http://a", { method: "HEAD", body: "x" }));
  throws(TypeError, () => new Request("/relative"));
  throws(TypeError, () => new Request("http://u:p@a/"));
  throws(TypeError, () => new Request());
  throws(TypeError, () => new Request("http://a", { redirect: "other" }));
  throws(TypeError, () => new Request("http://a", { mode: "navigate" }));
  throws(TypeError, () => new Request("http://a", { signal: {} }));
});

await test("Request: from a request", async () => {
  const first = new Request("http://a/", { method: "POST", body: "x", headers: { h: "1" } });
  const second = new Request(first, { headers: { h: "2" } });
  same([second.method, second.headers.get("h"), first.headers.get("h")], ["POST", "2", "1"]);
  same(first.bodyUsed, true);
  same(await second.text(), "x");
  await rejects(TypeError, first.text());
  throws(TypeError, () => new Request(first));
  const third = new Request("http://a/", { method: "PUT", body: ReadableStream.from([bytes(97)]), duplex: "half" });
  const fourth = new Request(third);
  same(third.bodyUsed, true);
  same(await fourth.text(), "a");
  const replaced = new Request(new Request("http://a/", { method: "POST", body: "x" }), { body: "y" });
  same(await replaced.text(), "y");
});

await test("Request: clone and signal", async () => {
  const controller = new AbortController();
  const request = new Request("http://a/", { method: "POST", body: "x", signal: controller.signal });
  const copy = request.clone();
  same([await request.text(), await copy.text()], ["x", "x"]);
  throws(TypeError, () => request.clone());
  controller.abort("why");
  same([request.signal.aborted, copy.signal.aborted, request.signal.reason], [true, true, "why"]);
});

await test("looks like an interface", () => {
  for (const Class of [Request, Response]) {
    ok(Object.getOwnPropertyDescriptor(Class.prototype, "text").enumerable);
    ok(Object.getOwnPropertyDescriptor(Class.prototype, "body").enumerable);
    ok(Object.getOwnPropertyDescriptor(Class.prototype, "body").get !== undefined);
    same(Object.getOwnPropertyDescriptor(Class.prototype, "constructor").enumerable, false);
  }
  throws(TypeError, () => Object.getOwnPropertyDescriptor(Response.prototype, "status").get.call({}));
  throws(TypeError, () => Object.getOwnPropertyDescriptor(Request.prototype, "url").get.call({}));
  for (const name of ["url", "redirected", "type", "ok", "body", "headers"]) {
    throws(TypeError, () => Object.getOwnPropertyDescriptor(Response.prototype, name).get.call({}));
  }
  for (const name of ["destination", "duplex", "mode", "signal", "bodyUsed"]) {
    throws(TypeError, () => Object.getOwnPropertyDescriptor(Request.prototype, name).get.call({}));
  }
  same(Object.prototype.toString.call(new Request("http://a")), "[object Request]");
  class Mine extends Response {}
  ok(new Mine("x") instanceof Response);
  class Own extends Request {}
  same(new Own("http://a/").url, "http://a/");
});

if (isEngine) {
  await test("what the host has against a call", async () => {
    const error = await rejects(TypeError, fetch("http://a/"));
    same([error.message, error.cause.code], ["fetch: there is nothing outside", "none"]);
    same(await (await fetch("data:text/plain,a%20b")).text(), "a b");
    await rejects(Error, kv.get("x"));
    await rejects(TypeError, kv.set("x", {}));
    await rejects(TypeError, fetch());
    throws(Error, () => Cache.get("x"));
  });
}

finish("fetch");
