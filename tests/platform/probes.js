// One small probe for each name of the WinterTC minimum common API. A probe that throws has
// failed; what it returns is what it misses, so that the name is there only in part.

const encoder = new TextEncoder();
const pause = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));

function ok(value) {
  if (!value) throw new Error("not as the standard says");
}

function same(found, want) {
  const [a, b] = [found, want].map((value) => JSON.stringify(value));
  if (a !== b) throw new Error(`${a} instead of ${b}`);
}

/** The name of what a call throws, or of why its promise is rejected. */
async function thrown(call) {
  try {
    await call();
  } catch (error) {
    return error.name;
  }
  return "nothing";
}

async function all(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const text = async (stream) => new Response(stream).text();

/** What does not work of what a name should have. */
async function missing(parts) {
  const left = [];
  for (const [part, probe] of Object.entries(parts)) {
    if ((await thrown(probe)) !== "nothing") left.push(part);
  }
  return left.length > 0 ? `no ${left.join(", ")}` : undefined;
}

/** A stream of bytes, and what a reader with a buffer gets from it. */
async function byob(pull) {
  const stream = new ReadableStream({ type: "bytes", pull });
  const reader = stream.getReader({ mode: "byob" });
  const { value } = await reader.read(new Uint8Array(4));
  return { reader, bytes: [...value] };
}

/** What a handler of the global scope gets. */
async function handled(name, act) {
  const found = await new Promise((resolve) => {
    globalThis[name] = (...args) => {
      args[0].preventDefault?.();
      resolve(args);
      // For `onerror`, which gets no event.
      return true;
    };
    act();
  });
  globalThis[name] = null;
  return found;
}

// A module with a memory "m" and a function "f" that gives 7.
const wasm = Uint8Array.fromHex(
  "0061736d01000000010501600001" + "7f03020100050301000107090201660000016d02000a0601040041070b",
);
const asResponse = () => new Response(wasm, { headers: { "content-type": "application/wasm" } });

export const probes = {
  AbortController() {
    const controller = new AbortController();
    controller.abort("why");
    same([controller.signal.aborted, controller.signal.reason], [true, "why"]);
  },
  async AbortSignal() {
    const signal = AbortSignal.any([AbortSignal.timeout(1), new AbortController().signal]);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    same([signal.reason.name, await thrown(() => signal.throwIfAborted())], ["TimeoutError", "TimeoutError"]);
    ok(AbortSignal.abort().aborted);
  },
  CustomEvent: () => same(new CustomEvent("a", { detail: 7 }).detail, 7),
  DOMException() {
    const error = new DOMException("why", "AbortError");
    same([error.name, error.message, error.code], ["AbortError", "why", 20]);
    ok(error instanceof Error && typeof error.stack === "string");
  },
  Event() {
    const event = new Event("a", { cancelable: true });
    event.preventDefault();
    same([event.type, event.defaultPrevented, event.bubbles], ["a", true, false]);
  },
  EventTarget() {
    class Mine extends EventTarget {}
    const [target, seen] = [new Mine(), []];
    target.addEventListener("a", { handleEvent: (event) => seen.push(event.target === target) }, { once: true });
    target.dispatchEvent(new Event("a"));
    target.dispatchEvent(new Event("a"));
    same(seen, [true]);
  },

  ErrorEvent() {
    const { message, lineno, error } = new ErrorEvent("error", { message: "why", lineno: 3, error: 7 });
    same([message, lineno, error], ["why", 3, 7]);
  },
  async MessageChannel() {
    const { port1, port2 } = new MessageChannel();
    const got = new Promise((resolve) => (port2.onmessage = resolve));
    port1.postMessage({ a: new Map([[1, 2]]) });
    same((await got).data.a.get(1), 2);
  },
  MessageEvent: () => same(new MessageEvent("message", { data: [7] }).data, [7]),
  async MessagePort() {
    const { port1, port2 } = new MessageChannel();
    ok(port1 instanceof MessagePort);
    const got = new Promise((resolve) => port2.addEventListener("message", resolve));
    port2.start();
    const bytes = new Uint8Array([7]);
    port1.postMessage(bytes, [bytes.buffer]);
    same([(await got).data[0], bytes.length], [7, 0]);
    port1.close();
  },
  PromiseRejectionEvent() {
    const promise = Promise.resolve();
    const event = new PromiseRejectionEvent("unhandledrejection", { promise, reason: 7 });
    ok(event.promise === promise && event.reason === 7);
  },

  async Blob() {
    const blob = new Blob(["a", encoder.encode("ä")], { type: "Text/Plain" });
    same([blob.size, blob.type, await blob.text(), await blob.slice(1, 3).text()], [3, "text/plain", "aä", "ä"]);
    same(await text(blob.stream()), "aä");
  },
  async File() {
    const file = new File(["a"], "a.txt", { lastModified: 7 });
    ok(file instanceof Blob);
    same([file.name, file.lastModified, await file.text()], ["a.txt", 7, "a"]);
  },
  async FormData() {
    const form = new FormData();
    form.append("a", "1");
    form.append("a", "ä\r\n");
    form.append("f", new Blob(["text"]), "f.txt");
    const back = await new Response(form).formData();
    same([back.getAll("a"), back.get("f").name, await back.get("f").text()], [["1", "ä\r\n"], "f.txt", "text"]);
  },
  async Headers() {
    const headers = new Headers([["b", "1"], ["A", "2"], ["b", "3"], ["set-cookie", "x"], ["set-cookie", "y"]]);
    same([...headers], [["a", "2"], ["b", "1, 3"], ["set-cookie", "x"], ["set-cookie", "y"]]);
    same([headers.getSetCookie(), await thrown(() => headers.set("ä", ""))], [["x", "y"], "TypeError"]);
  },
  async Request() {
    const request = new Request("http://a/b?c#d", { method: "post", body: new URLSearchParams("a=1") });
    same([request.method, request.url], ["POST", "http://a/b?c#d"]);
    same([request.headers.get("content-type"), await request.clone().text(), request.bodyUsed], [
      "application/x-www-form-urlencoded;charset=UTF-8", "a=1", false,
    ]);
    same((await request.formData()).get("a"), "1");
  },
  async Response() {
    const body = ReadableStream.from([encoder.encode("[1"), encoder.encode(",2]")]);
    const response = new Response(body, { status: 201 });
    same([response.ok, await response.clone().text(), await response.json()], [true, "[1,2]", [1, 2]]);
    same([Response.json(1).headers.get("content-type"), Response.error().type], ["application/json", "error"]);
    same(Response.redirect("http://a/b", 303).headers.get("location"), "http://a/b");
  },
  async fetch() {
    // No server is needed to answer this one.
    same(await (await fetch("data:text/plain,a")).text(), "a");
  },

  async CompressionStream() {
    for (const format of ["gzip", "deflate", "deflate-raw"]) {
      const packed = new Blob(["a".repeat(1000)]).stream().pipeThrough(new CompressionStream(format));
      const bytes = await new Response(packed).bytes();
      ok(bytes.length < 100);
      const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format));
      same(await text(plain), "a".repeat(1000));
    }
  },
  async DecompressionStream() {
    const gzip = Uint8Array.fromBase64("H4sIAAAAAAAAA0sEAEO+t+gBAAAA");
    const unpacked = (bytes) => text(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
    same(await unpacked(gzip), "a");
    same(await thrown(() => unpacked(encoder.encode("no gzip"))), "TypeError");
  },

  ByteLengthQueuingStrategy: () =>
    same(new ByteLengthQueuingStrategy({ highWaterMark: 1 }).size(new Uint8Array(3)), 3),
  CountQueuingStrategy() {
    const strategy = new CountQueuingStrategy({ highWaterMark: 2 });
    same([strategy.highWaterMark, strategy.size("abc")], [2, 1]);
  },
  async ReadableByteStreamController() {
    const { bytes } = await byob((controller) => {
      ok(controller instanceof ReadableByteStreamController);
      controller.enqueue(new Uint8Array([1, 2]));
    });
    same(bytes, [1, 2]);
  },
  async ReadableStream() {
    const [a, b] = ReadableStream.from([1, 2]).tee();
    same([await all(a), await all(b.pipeThrough(new TransformStream()))], [[1, 2], [1, 2]]);
  },
  async ReadableStreamBYOBReader() {
    const { reader, bytes } = await byob((controller) => controller.enqueue(new Uint8Array([7])));
    ok(reader instanceof ReadableStreamBYOBReader);
    same(bytes, [7]);
  },
  async ReadableStreamBYOBRequest() {
    const { bytes } = await byob((controller) => {
      ok(controller.byobRequest instanceof ReadableStreamBYOBRequest);
      controller.byobRequest.view[0] = 7;
      controller.byobRequest.respond(1);
    });
    same(bytes, [7]);
  },
  async ReadableStreamDefaultController() {
    let size;
    const stream = new ReadableStream({
      start(controller) {
        ok(controller instanceof ReadableStreamDefaultController);
        size = controller.desiredSize;
        controller.enqueue(1);
        controller.error(new RangeError());
      },
    });
    same([size, await thrown(() => all(stream))], [1, "RangeError"]);
  },
  async ReadableStreamDefaultReader() {
    const reader = ReadableStream.from(["a"]).getReader();
    ok(reader instanceof ReadableStreamDefaultReader);
    same([await reader.read(), await reader.read()], [{ value: "a", done: false }, { done: true }]);
    await reader.closed;
  },
  async TransformStream() {
    const twice = new TransformStream({
      transform: (chunk, controller) => controller.enqueue(2 * chunk),
      flush: (controller) => controller.enqueue(0),
    });
    same(await all(ReadableStream.from([1, 2]).pipeThrough(twice)), [2, 4, 0]);
  },
  async TransformStreamDefaultController() {
    const one = new TransformStream({
      transform(chunk, controller) {
        ok(controller instanceof TransformStreamDefaultController);
        controller.enqueue(chunk);
        controller.terminate();
      },
    });
    const writer = one.writable.getWriter();
    writer.write(1).catch(() => {});
    writer.closed.catch(() => {});
    same(await all(one.readable), [1]);
  },
  async WritableStream() {
    const seen = [];
    const sink = new WritableStream({ write: (chunk) => void seen.push(chunk), close: () => void seen.push("end") });
    await ReadableStream.from([1, 2]).pipeTo(sink);
    same(seen, [1, 2, "end"]);
  },
  async WritableStreamDefaultController() {
    let found;
    const stream = new WritableStream({ start: (controller) => void (found = controller) });
    ok(found instanceof WritableStreamDefaultController && found.signal instanceof AbortSignal);
    await stream.abort();
    ok(found.signal.aborted);
  },
  async WritableStreamDefaultWriter() {
    const writer = new WritableStream({ write: () => pause() }).getWriter();
    ok(writer instanceof WritableStreamDefaultWriter && writer.desiredSize === 1);
    writer.write("a");
    same(writer.desiredSize, 0);
    await writer.ready;
    await writer.close();
  },

  async TextDecoder() {
    const streaming = new TextDecoder();
    same(streaming.decode(new Uint8Array([0xc3]), { stream: true }) + streaming.decode(new Uint8Array([0xa4])), "ä");
    same(await thrown(() => new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([0xff]))), "TypeError");
    const labels = ["utf-16le", "utf-16be", "windows-1252", "iso-8859-2", "windows-1251", "gbk", "big5",
      "euc-jp", "shift_jis", "euc-kr"];
    return missing(Object.fromEntries(labels.map((label) => [label, () => new TextDecoder(label)])));
  },
  async TextDecoderStream() {
    const bytes = ReadableStream.from([new Uint8Array([0xc3]), new Uint8Array([0xa4])]);
    same((await all(bytes.pipeThrough(new TextDecoderStream()))).join(""), "ä");
  },
  TextEncoder() {
    same([...encoder.encode("ä\ud800")], [0xc3, 0xa4, 0xef, 0xbf, 0xbd]);
    same(encoder.encodeInto("aä", new Uint8Array(2)), { read: 1, written: 1 });
  },
  async TextEncoderStream() {
    const bytes = await all(ReadableStream.from(["\ud83d", "\ude00"]).pipeThrough(new TextEncoderStream()));
    same(bytes.flatMap((chunk) => [...chunk]), [0xf0, 0x9f, 0x98, 0x80]);
  },

  async URL() {
    same(new URL("../b?x#y", "http://ä.example:80/c/d").href, "http://xn--4ca.example/b?x#y");
    same([URL.canParse("a"), URL.parse("a"), await thrown(() => new URL("a"))], [false, null, "TypeError"]);
    const url = new URL("http://a/");
    url.searchParams.append("b", "c d");
    same(url.href, "http://a/?b=c+d");
  },
  URLPattern() {
    const { pathname } = new URLPattern({ pathname: "/users/:id{/*}?" }).exec("http://a/users/7/b");
    same([pathname.groups.id, pathname.groups[0]], ["7", "b"]);
    ok(!new URLPattern("/a", "http://b").test("http://b/c"));
  },
  URLSearchParams() {
    const query = new URLSearchParams("b=1&a=%C3%A4+&b=2");
    query.sort();
    same([`${query}`, query.size, query.getAll("b"), query.has("b", "2")], ["a=%C3%A4+&b=1&b=2", 3, ["1", "2"], true]);
  },

  Crypto() {
    ok(crypto instanceof Crypto && crypto.subtle instanceof SubtleCrypto);
    ok(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()));
  },
  async CryptoKey() {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", encoder.encode("k"), algorithm, false, ["sign"]);
    ok(key instanceof CryptoKey);
    same([key.type, key.extractable, key.usages, key.algorithm.hash.name], ["secret", false, ["sign"], "SHA-256"]);
  },
  async SubtleCrypto() {
    const hash = await crypto.subtle.digest("SHA-256", encoder.encode("abc"));
    same(new Uint8Array(hash).toHex().slice(0, 16), "ba7816bf8f01cfea");
    const generate = (algorithm, usages) => () => crypto.subtle.generateKey(algorithm, true, usages);
    const derive = (name, algorithm) => async () => {
      const key = await crypto.subtle.importKey("raw", encoder.encode("k"), name, false, ["deriveBits"]);
      await crypto.subtle.deriveBits({ name, hash: "SHA-256", salt: new Uint8Array(8), ...algorithm }, key, 128);
    };
    const rsa = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
    return missing({
      HMAC: generate({ name: "HMAC", hash: "SHA-256" }, ["sign"]),
      "AES-GCM": generate({ name: "AES-GCM", length: 256 }, ["encrypt"]),
      "AES-CBC": generate({ name: "AES-CBC", length: 256 }, ["encrypt"]),
      "AES-CTR": generate({ name: "AES-CTR", length: 256 }, ["encrypt"]),
      "AES-KW": generate({ name: "AES-KW", length: 256 }, ["wrapKey"]),
      ECDSA: generate({ name: "ECDSA", namedCurve: "P-256" }, ["sign"]),
      ECDH: generate({ name: "ECDH", namedCurve: "P-256" }, ["deriveBits"]),
      Ed25519: generate("Ed25519", ["sign"]),
      X25519: generate("X25519", ["deriveBits"]),
      "RSASSA-PKCS1-v1_5": generate({ name: "RSASSA-PKCS1-v1_5", ...rsa }, ["sign"]),
      "RSA-PSS": generate({ name: "RSA-PSS", ...rsa }, ["sign"]),
      "RSA-OAEP": generate({ name: "RSA-OAEP", ...rsa }, ["encrypt", "decrypt"]),
      HKDF: derive("HKDF", { info: new Uint8Array() }),
      PBKDF2: derive("PBKDF2", { iterations: 1 }),
    });
  },
  crypto() {
    ok(crypto.getRandomValues(new Uint8Array(32)).some((byte) => byte !== 0));
    ok(crypto.randomUUID() !== crypto.randomUUID());
  },

  async Performance() {
    ok(performance instanceof Performance && performance instanceof EventTarget);
    same(Object.keys(performance.toJSON()), ["timeOrigin"]);
  },
  async performance() {
    const before = performance.now();
    await pause(2);
    ok(performance.now() - before >= 1);
    ok(Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 1000);
  },

  "WebAssembly.CompileError": () => ok(new WebAssembly.CompileError("a") instanceof Error),
  "WebAssembly.Exception": () => ok(new WebAssembly.Exception(new WebAssembly.Tag({ parameters: ["i32"] }), [7])),
  "WebAssembly.Global": () => same(new WebAssembly.Global({ value: "i32" }, 7).value, 7),
  "WebAssembly.Instance": () => same(new WebAssembly.Instance(new WebAssembly.Module(wasm)).exports.f(), 7),
  "WebAssembly.JSTag": () => ok(WebAssembly.JSTag instanceof WebAssembly.Tag),
  "WebAssembly.LinkError": () => ok(new WebAssembly.LinkError("a") instanceof Error),
  "WebAssembly.Memory": () => same(new WebAssembly.Memory({ initial: 1 }).buffer.byteLength, 65536),
  "WebAssembly.Module": () => same(WebAssembly.Module.exports(new WebAssembly.Module(wasm)).length, 2),
  "WebAssembly.RuntimeError": () => ok(new WebAssembly.RuntimeError("a") instanceof Error),
  "WebAssembly.Table": () => same(new WebAssembly.Table({ element: "anyfunc", initial: 3 }).length, 3),
  "WebAssembly.Tag": () => ok(new WebAssembly.Tag({ parameters: ["i32"] })),
  "WebAssembly.compile": async () => ok((await WebAssembly.compile(wasm)) instanceof WebAssembly.Module),
  "WebAssembly.compileStreaming": async () =>
    ok((await WebAssembly.compileStreaming(asResponse())) instanceof WebAssembly.Module),
  "WebAssembly.instantiate": async () => same((await WebAssembly.instantiate(wasm)).instance.exports.f(), 7),
  "WebAssembly.instantiateStreaming": async () =>
    same((await WebAssembly.instantiateStreaming(asResponse())).instance.exports.f(), 7),
  "WebAssembly.validate": () => same([WebAssembly.validate(wasm), WebAssembly.validate(wasm.slice(1))], [true, false]),

  atob: async () => same([atob(" 4g= ="), await thrown(() => atob("a"))], ["â", "InvalidCharacterError"]),
  btoa: async () => same([btoa("â"), await thrown(() => btoa("€"))], ["4g==", "InvalidCharacterError"]),
  async clearInterval() {
    let count = 0;
    const timer = setInterval(() => count++ || clearInterval(timer), 1);
    await pause(10);
    same(count, 1);
  },
  async clearTimeout() {
    let ran = false;
    clearTimeout(setTimeout(() => (ran = true), 1));
    clearTimeout(undefined);
    await pause(5);
    ok(!ran);
  },
  console() {
    const names = ["assert", "clear", "debug", "error", "info", "log", "table", "trace", "warn", "dir", "dirxml",
      "count", "countReset", "group", "groupCollapsed", "groupEnd", "time", "timeLog", "timeEnd"];
    same([names.filter((name) => typeof console[name] !== "function"), `${console}`], [[], "[object console]"]);
  },
  globalThis: () => ok(Object.is(globalThis, globalThis.globalThis) && new Function("return this")() === globalThis),
  "navigator.userAgent": () => ok(typeof navigator.userAgent === "string" && navigator.userAgent !== ""),
  async onerror() {
    const [message, , , , error] = await handled("onerror", () => reportError(new RangeError("why")));
    same([message, error.name], ["Uncaught RangeError: why", "RangeError"]);
  },
  async onrejectionhandled() {
    globalThis.onunhandledrejection = (event) => event.preventDefault();
    const promise = Promise.reject(7);
    await pause();
    const [event] = await handled("onrejectionhandled", () => promise.catch(() => {}));
    ok(event.promise === promise);
  },
  async onunhandledrejection() {
    const promise = Promise.withResolvers();
    const [event] = await handled("onunhandledrejection", () => promise.reject(7));
    ok(event.promise === promise.promise && event.reason === 7);
  },
  async queueMicrotask() {
    const order = [];
    setTimeout(() => order.push("timer"));
    queueMicrotask(() => order.push("microtask"));
    order.push("now");
    await pause(1);
    same(order, ["now", "microtask", "timer"]);
  },
  async reportError() {
    const error = new Error("why");
    const found = new Promise((resolve) => {
      addEventListener("error", (event) => (event.preventDefault(), resolve(event.error)), { once: true });
    });
    reportError(error);
    ok((await found) === error);
  },
  self: () => ok(self === globalThis),
  async setInterval() {
    const seen = await new Promise((resolve) => {
      const [seen, begin] = [[], performance.now()];
      const timer = setInterval((value) => {
        if (seen.push(value) < 3) return;
        clearInterval(timer);
        resolve(performance.now() - begin >= 2 ? seen : []);
      }, 1, "a");
    });
    same(seen, ["a", "a", "a"]);
  },
  async setTimeout() {
    const order = [];
    setTimeout((value) => order.push(value), 3, "later");
    setTimeout(() => order.push("soon"), 1);
    await pause(10);
    same(order, ["soon", "later"]);
  },
  async structuredClone() {
    const value = { date: new Date(7), error: new RangeError("why"), pattern: /a/g };
    value.map = new Map([["a", new Set([1])]]);
    value.self = value;
    const copy = structuredClone(value);
    ok(copy !== value && copy.self === copy && copy.map.get("a").has(1));
    same([copy.date.getTime(), copy.error.name, `${copy.pattern}`], [7, "RangeError", "/a/g"]);
    const { buffer } = new Uint8Array([7]);
    ok(structuredClone(buffer, { transfer: [buffer] }).byteLength === 1 && buffer.detached);
    same(await thrown(() => structuredClone(() => {})), "DataCloneError");
  },
};

function exists(name) {
  return name.split(".").reduce((object, part) => object?.[part], globalThis) !== undefined;
}

/** `[outcome, why]` of a probe. */
export async function outcomeOf(name) {
  if (!Object.hasOwn(probes, name)) throw new Error(`${name} has no probe`);
  // A handler that nobody has set is null.
  if (!exists(name)) return ["missing", ""];
  try {
    const nothing = pause(2000).then(() => Promise.reject(new Error("it never ends")));
    const left = await Promise.race([probes[name](), nothing]);
    return left === undefined ? ["pass", ""] : ["partly", left];
  } catch (error) {
    return ["fail", String(error)];
  }
}
