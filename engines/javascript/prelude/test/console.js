import { finish, isEngine, same, test } from "./assert.js";

// What is written can be seen by nobody here; what matters is that nothing throws.
await test("console takes whatever there is", () => {
  if (!isEngine) return;
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const thrower = new Proxy({}, {
    get() {
      throw new Error("get");
    },
    ownKeys() {
      throw new Error("ownKeys");
    },
    getPrototypeOf() {
      throw new Error("getPrototypeOf");
    },
  });
  const circular = { list: [] };
  circular.self = circular;
  circular.list.push(circular);
  const badError = new Error("x");
  Object.defineProperty(badError, "stack", {
    get() {
      throw new Error("stack");
    },
  });
  Object.defineProperty(badError, "message", { value: { toString() { throw new Error("message"); } } });
  const looped = new Error("loop");
  looped.cause = looped;
  const values = [
    undefined, null, true, -0, 1n, Symbol("s"), "text", proxy, thrower, circular, badError, looped,
    Object.create(null), new (class extends Map {})(), new Set([new Set([new Set([new Set()])])]),
    { get a() { throw new Error("getter"); }, [Symbol("k")]: 1, "a-b": 2 }, [1, , 3], new Array(1000).fill(7),
    "x".repeat(100_000), { deep: { deeper: { deepest: { bottom: 1 } } } }, new Uint8Array(300), new ArrayBuffer(80),
    new Headers({ a: "b" }), new URL("http://a"), new Date(NaN), /x/g, function named() {}, class A {}, () => {},
    Promise.resolve(7), new WeakMap(), new Proxy(() => {}, {}), Object(1), new AggregateError([new Error("a"), 2], "m"),
    new DOMException("m", "AbortError"), new Error("outer", { cause: new TypeError("inner") }), globalThis, console,
    Headers.prototype, Response, new (class Odd { get [Symbol.toStringTag]() { throw new Error("tag"); } })(),
  ];
  for (const value of values) for (const method of ["debug", "dir", "table"]) console[method](value);
  console.debug("%s %d %i %f %j %o %O %c %% %x", "a", "1", 2.5, "3.5", { a: 1 }, {}, [], "css", "rest");
  console.debug("%s %d", Symbol("s"), 1n, thrower);
  console.debug();
  console.assert(true);
  console.count();
  console.count("x");
  console.countReset("x");
  console.group("group");
  console.debug("inside\nof it");
  console.groupEnd();
  console.groupEnd();
  console.time();
  console.timeLog(undefined, "more");
  console.timeEnd();
  console.table([{ a: 1, b: "x" }, { a: 2, c: true }, 5]);
  console.table([[1, 2]], ["1"]);
  console.trace("here");
  same(Object.prototype.toString.call(console), "[object console]");
});

finish("console");
