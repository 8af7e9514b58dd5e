import { bytes, finish, isEngine, ok, rejects, same, sleep, test, throws } from "./assert.js";

await test("primitives and wrappers", () => {
  for (const value of [undefined, null, true, 1, -0, NaN, "x", 10n]) ok(Object.is(structuredClone(value), value));
  same(structuredClone(Object("x")) instanceof String, true);
  same(structuredClone(new Number(3)).valueOf(), 3);
  same(typeof structuredClone(Object(1n)), "object");
  throws("DataCloneError", () => structuredClone(Symbol("x")));
  throws("DataCloneError", () => structuredClone(() => 1));
  throws("DataCloneError", () => structuredClone({ a: { b: [() => 1] } }));
  throws(TypeError, () => structuredClone());
});

await test("objects and arrays", () => {
  const value = { a: 1, b: { c: [1, , 3] }, d: new Date(5), e: /x+/gi };
  const copy = structuredClone(value);
  ok(copy !== value && copy.b !== value.b);
  same(copy.b.c.length, 3);
  same(1 in copy.b.c, false);
  same(copy.d.getTime(), 5);
  same([copy.e.source, copy.e.flags, copy.e.lastIndex], ["x+", "gi", 0]);
  const named = Object.assign([1], { extra: 2 });
  same(structuredClone(named).extra, 2);
  class Mine {
    constructor() {
      this.x = 1;
    }
    get y() {
      return 2;
    }
  }
  const plain = structuredClone(new Mine());
  same(Object.getPrototypeOf(plain) === Object.prototype, true);
  same(Object.keys(plain), ["x"]);
  const odd = structuredClone({ ["__proto__"]: 1, [Symbol("s")]: 2 });
  same(Object.keys(odd), ["__proto__"]);
  same(Object.keys(structuredClone(Object.create({ inherited: 1 }))), []);
  same(structuredClone(Object.create(null)) instanceof Object, true);
  same(structuredClone({ get a() { return 7; } }).a, 7);
  const error = new Error("getter");
  same(throws(Error, () => structuredClone({ get a() { throw error; } })) === error, true);
});

await test("cycles and shared parts", () => {
  const value = { list: [] };
  value.self = value;
  value.list.push(value, value.list);
  const copy = structuredClone(value);
  ok(copy.self === copy && copy.list[0] === copy && copy.list[1] === copy.list);
  const shared = {};
  const [a, b] = structuredClone([shared, shared]);
  ok(a === b);
  const map = new Map();
  map.set(map, map);
  const cloned = structuredClone(map);
  ok(cloned.get(cloned) === cloned);
});

await test("maps, sets, errors", () => {
  const map = structuredClone(new Map([[{ k: 1 }, new Set([1, "2"])]]));
  const [[key, set]] = map;
  same(key, { k: 1 });
  same([...set], [1, "2"]);
  const error = structuredClone(new RangeError("m", { cause: { x: 1 } }));
  ok(error instanceof RangeError);
  same([error.message, error.name], ["m", "RangeError"]);
  if (isEngine) same(error.cause, { x: 1 });
  class Mine extends TypeError {
    name = "Mine";
  }
  const mine = structuredClone(new Mine("x"));
  same(mine instanceof Error, true);
  same(Object.getPrototypeOf(mine) === Error.prototype, true);
  const aborted = structuredClone(new DOMException("m", "AbortError"));
  if (isEngine) same([aborted instanceof DOMException, aborted.name, aborted.message], [true, "AbortError", "m"]);
});

await test("buffers and views", () => {
  const data = bytes(1, 2, 3, 4);
  const copy = structuredClone(data);
  data[0] = 9;
  same(copy, bytes(1, 2, 3, 4));
  const both = structuredClone([new Uint16Array(data.buffer, 2, 1), new DataView(data.buffer, 1, 2), data.buffer]);
  ok(both[0].buffer === both[1].buffer && both[2] === both[0].buffer);
  same([both[0].byteOffset, both[0].length, both[1].byteOffset, both[1].byteLength], [2, 1, 1, 2]);
  ok(structuredClone(new Float64Array([1.5])) instanceof Float64Array);
  ok(structuredClone(new BigInt64Array([1n])) instanceof BigInt64Array);
});

await test("transfer", () => {
  const { buffer } = bytes(1, 2, 3);
  const view = new Uint8Array(buffer, 1);
  const copy = structuredClone({ buffer, view }, { transfer: [buffer] });
  same(buffer.byteLength, 0);
  same(copy.view, bytes(2, 3));
  ok(copy.view.buffer === copy.buffer);
  if (isEngine) throws("DataCloneError", () => structuredClone(buffer, { transfer: [buffer] }));
  const other = bytes(1).buffer;
  throws("DataCloneError", () => structuredClone({ other, f() {} }, { transfer: [other] }));
  if (isEngine) same(other.byteLength, 1);
  const twice = bytes(1).buffer;
  throws("DataCloneError", () => structuredClone(0, { transfer: [twice, twice] }));
  if (isEngine) throws("DataCloneError", () => structuredClone(0, { transfer: [{}] }));
});

await test("objects of the platform", async () => {
  if (!isEngine) return;
  same(await structuredClone(new Blob(["x"], { type: "a/b" })).text(), "x");
  same(structuredClone(new File(["x"], "n")).name, "n");
  for (const value of [new Headers(), new Response(), new URL("http://a"), new ReadableStream(), new EventTarget(), Promise.resolve(), new WeakMap(), new AbortController().signal]) {
    throws("DataCloneError", () => structuredClone(value));
  }
});

await test("message channels", async () => {
  const { port1, port2 } = new MessageChannel();
  const got = [];
  port2.onmessage = (event) => {
    got.push(event.data);
    if (event.data.ask) port2.postMessage("answer");
  };
  const answer = new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
  });
  port1.postMessage({ ask: true, list: [1] });
  same(got, []);
  same(await answer, "answer");
  same(got, [{ ask: true, list: [1] }]);
  throws("DataCloneError", () => port1.postMessage(() => 1));
  const { buffer } = bytes(5);
  port1.postMessage(buffer, [buffer]);
  same(buffer.byteLength, 0);
  await sleep(5);
  same(new Uint8Array(got[1]), bytes(5));
  port1.close();
  port2.close();
  port1.postMessage("lost");
  await sleep(5);
  same(got.length, 2);
});

await test("messages wait until the port is started, and move with it", async () => {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage("one");
  port1.postMessage("two");
  await sleep(2);
  const got = [];
  const carrier = new MessageChannel();
  carrier.port1.postMessage("port", [port2]);
  await new Promise((resolve) => {
    carrier.port2.onmessage = ({ ports: [port] }) => {
      port.addEventListener("message", ({ data }) => {
        if (got.push(data) === 2) resolve(port.close());
      });
      port.start();
    };
  });
  same(got, ["one", "two"]);
  carrier.port1.close();
  port1.close();
  if (isEngine) throws("DataCloneError", () => carrier.port1.postMessage(0, [carrier.port1]));
  await rejects(Error, Promise.reject(new Error("end")));
});

finish("clone");
