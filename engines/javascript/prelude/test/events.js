import { finish, isEngine, ok, rejects, same, sleep, test, throws } from "./assert.js";

await test("Event", () => {
  const event = new Event("x", { bubbles: 1, cancelable: true });
  same([event.type, event.bubbles, event.cancelable, event.composed], ["x", true, true, false]);
  same([event.target, event.currentTarget, event.eventPhase], [null, null, 0]);
  same(event.isTrusted, false);
  ok(event.timeStamp >= 0);
  event.preventDefault();
  same(event.defaultPrevented, true);
  const fixed = new Event("y");
  fixed.preventDefault();
  same(fixed.defaultPrevented, false);
  same(Event.AT_TARGET, 2);
  if (isEngine) same(event.BUBBLING_PHASE, 3);
  same(Object.prototype.toString.call(event), "[object Event]");
  throws(TypeError, () => new Event());
  same(`${new Event(undefined).type}`, "undefined");
});

// Node.js has no capturing and no phases, and calls what was added meanwhile.
if (isEngine) await test("listeners: order, this, once, objects", () => {
  const target = new EventTarget();
  const seen = [];
  const twice = () => seen.push("twice");
  target.addEventListener("x", twice);
  target.addEventListener("x", twice);
  target.addEventListener("x", function (event) {
    seen.push(this === target, event.target === target, event.currentTarget === target, event.eventPhase, event.composedPath().length);
  });
  target.addEventListener("x", () => seen.push("once"), { once: true });
  target.addEventListener("x", { handleEvent() { seen.push("object"); } });
  target.addEventListener("x", () => seen.push("capture"), true);
  const event = new Event("x");
  same(target.dispatchEvent(event), true);
  same(seen, ["capture", "twice", true, true, true, 2, 1, "once", "object"]);
  same([event.currentTarget, event.target === target, event.eventPhase], [null, true, 0]);
  seen.length = 0;
  target.dispatchEvent(new Event("x"));
  ok(!seen.includes("once"));
  target.removeEventListener("x", twice);
  seen.length = 0;
  target.dispatchEvent(new Event("x"));
  ok(!seen.includes("twice"));
  target.addEventListener("x", null);
  throws(TypeError, () => target.addEventListener("x"));
  throws(TypeError, () => target.dispatchEvent({}));
});

if (isEngine) await test("listeners: stopping, preventing, removing meanwhile", () => {
  const target = new EventTarget();
  const seen = [];
  const third = () => seen.push(3);
  target.addEventListener("x", (event) => {
    seen.push(1);
    target.removeEventListener("x", third);
    target.addEventListener("x", () => seen.push("late"));
    event.preventDefault();
  });
  target.addEventListener("x", (event) => {
    seen.push(2);
    event.stopPropagation();
  });
  target.addEventListener("x", third);
  same(target.dispatchEvent(new Event("x", { cancelable: true })), false);
  same(seen, [1, 2]);
  const other = new EventTarget();
  other.addEventListener("x", (event) => event.stopImmediatePropagation());
  other.addEventListener("x", () => seen.push("never"));
  other.dispatchEvent(new Event("x"));
  ok(!seen.includes("never"));
  const passive = new EventTarget();
  passive.addEventListener("x", (event) => event.preventDefault(), { passive: true });
  same(passive.dispatchEvent(new Event("x", { cancelable: true })), true);
  let inner;
  const again = new EventTarget();
  again.addEventListener("x", (event) => {
    inner = throws("InvalidStateError", () => again.dispatchEvent(event));
  });
  again.dispatchEvent(new Event("x"));
  ok(inner);
});

await test("listeners that end with a signal", () => {
  const target = new EventTarget();
  const controller = new AbortController();
  let count = 0;
  target.addEventListener("x", () => count++, { signal: controller.signal });
  target.dispatchEvent(new Event("x"));
  controller.abort();
  target.dispatchEvent(new Event("x"));
  target.addEventListener("x", () => count++, { signal: controller.signal });
  target.dispatchEvent(new Event("x"));
  same(count, 1);
});

await test("subclasses", () => {
  class Mine extends EventTarget {}
  class Special extends Event {
    constructor() {
      super("special");
    }
  }
  const mine = new Mine();
  let got;
  mine.addEventListener("special", (event) => {
    got = event;
  });
  mine.dispatchEvent(new Special());
  ok(got instanceof Special);
  same(new CustomEvent("x", { detail: { a: 1 } }).detail, { a: 1 });
  same(new CustomEvent("x").detail, null);
  const message = new MessageEvent("message", { data: 7 });
  same([message.data, message.origin, message.ports.length], [7, "", 0]);
});

if (isEngine) {
  await test("ErrorEvent and PromiseRejectionEvent", () => {
    const error = new ErrorEvent("error", { message: "m", lineno: 3, error: 7 });
    same([error.message, error.filename, error.lineno, error.colno, error.error], ["m", "", 3, 0, 7]);
    const promise = Promise.resolve();
    const event = new PromiseRejectionEvent("unhandledrejection", { promise, reason: 1 });
    ok(event.promise === promise);
    same(event.reason, 1);
    throws(TypeError, () => new PromiseRejectionEvent("x", {}));
  });

  await test("errors reach the global scope", async () => {
    const seen = [];
    const listener = (event) => {
      seen.push(["listener", event.error.message, event.target === globalThis, event instanceof ErrorEvent]);
      event.preventDefault();
    };
    addEventListener("error", listener);
    onerror = (message, file, line, column, error) => {
      seen.push([message, typeof file, line > 0, error.message]);
      return true;
    };
    ok(typeof onerror === "function");
    reportError(new Error("one"));
    setTimeout(() => {
      throw new Error("two");
    });
    queueMicrotask(() => {
      throw new Error("three");
    });
    await sleep(5);
    removeEventListener("error", listener);
    onerror = null;
    same(onerror, null);
    same(seen.map((one) => one[1]).filter((one) => one !== "string"), ["one", "three", "two"]);
    same(seen[1], ["Uncaught Error: one", "string", true, "one"]);
    same(seen.length, 6);
  });
}

await test("AbortController", () => {
  const controller = new AbortController();
  const { signal } = controller;
  ok(signal === controller.signal);
  const seen = [];
  signal.onabort = function (event) {
    seen.push(["on", this === signal, event.type, event.isTrusted]);
  };
  signal.addEventListener("abort", () => seen.push("listener"));
  same([signal.aborted, signal.reason], [false, undefined]);
  signal.throwIfAborted();
  controller.abort();
  controller.abort("again");
  same(seen, [["on", true, "abort", true], "listener"]);
  same(signal.aborted, true);
  same(signal.reason.name, "AbortError");
  same(signal.reason.code, 20);
  throws("AbortError", () => signal.throwIfAborted());
  const reasoned = new AbortController();
  reasoned.abort("why");
  same(reasoned.signal.reason, "why");
  throws(TypeError, () => new AbortSignal());
  same(AbortSignal.abort(3).reason, 3);
  same(AbortSignal.abort().reason.name, "AbortError");
});

await test("onabort keeps its place and goes", () => {
  const controller = new AbortController();
  const { signal } = controller;
  const seen = [];
  signal.onabort = () => seen.push("first");
  signal.addEventListener("abort", () => seen.push("second"));
  signal.onabort = () => seen.push("replaced");
  controller.abort();
  same(seen, ["replaced", "second"]);
  const other = new AbortController();
  other.signal.onabort = () => seen.push("never");
  other.signal.onabort = null;
  same(other.signal.onabort, null);
  other.abort();
  same(seen.length, 2);
});

await test("AbortSignal.timeout", async () => {
  const signal = AbortSignal.timeout(5);
  // Node.js does not wait for that timer alone.
  setTimeout(() => {}, 20);
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  same(signal.reason.name, "TimeoutError");
  throws(isEngine ? TypeError : Error, () => AbortSignal.timeout(-1));
});

if (AbortSignal.any !== undefined) {
  await test("AbortSignal.any", () => {
    const a = new AbortController();
    const b = new AbortController();
    const any = AbortSignal.any([a.signal, b.signal]);
    const nested = AbortSignal.any([any]);
    const seen = [];
    nested.addEventListener("abort", () => seen.push(any.aborted, nested.aborted));
    b.abort("b");
    a.abort("a");
    same([any.reason, nested.reason], ["b", "b"]);
    same(seen, [true, true]);
    same(AbortSignal.any([AbortSignal.abort("now"), a.signal]).reason, "now");
    same(AbortSignal.any([]).aborted, false);
    throws(TypeError, () => AbortSignal.any([{}]));
  });
}

await test("timers", async () => {
  const seen = [];
  const id = setTimeout(() => seen.push("never"), 1);
  setTimeout((...args) => seen.push(args), 2, 1, 2);
  setTimeout(() => seen.push("later"), 12);
  setTimeout(() => {
    seen.push("task");
    Promise.resolve().then(() => seen.push("microtask"));
  }, 0);
  setTimeout(() => seen.push("next task"), 0);
  let ticks = 0;
  const interval = setInterval(() => {
    if (++ticks === 3) clearInterval(interval);
  }, 2);
  if (isEngine) same(typeof id, "number");
  clearTimeout(id);
  clearTimeout(undefined);
  clearTimeout(12345);
  clearInterval("x");
  await sleep(40);
  same(seen, ["task", "microtask", "next task", [1, 2], "later"]);
  same(ticks, 3);
  throws(TypeError, () => setTimeout("code"));
  throws(TypeError, () => setTimeout());
});

await test("an interval that ends itself, a timer that starts others", async () => {
  const order = [];
  const interval = setInterval(() => {
    order.push("i");
    clearInterval(interval);
  });
  setTimeout(() => {
    order.push("a");
    setTimeout(() => order.push("b"));
  });
  await sleep(20);
  same(order.sort(), ["a", "b", "i"]);
});

await test("many timers keep their order", async () => {
  const order = [];
  for (let at = 0; at < 200; at++) setTimeout(() => order.push(at), (at * 37) % 7);
  await sleep(30);
  const expected = [...Array(200).keys()].sort((a, b) => ((a * 37) % 7) - ((b * 37) % 7) || a - b);
  if (isEngine) same(order, expected);
  same(order.length, 200);
});

await test("queueMicrotask", async () => {
  const seen = [];
  queueMicrotask(() => seen.push(1));
  Promise.resolve().then(() => seen.push(2));
  seen.push(0);
  await null;
  await null;
  same(seen, [0, 1, 2]);
  throws(TypeError, () => queueMicrotask(1));
});

await test("DOMException", async () => {
  const error = new DOMException("m", "AbortError");
  same([error.name, error.message, error.code], ["AbortError", "m", 20]);
  ok(error instanceof Error);
  same(new DOMException().name, "Error");
  same(new DOMException("x", "Unknown").code, 0);
  same(DOMException.NOT_FOUND_ERR, 8);
  same(Object.prototype.toString.call(error), "[object DOMException]");
  same(`${error}`, "AbortError: m");
  ok(typeof error.stack === "string");
  await rejects("AbortError", Promise.reject(error));
});

finish("events");
