// A stub of the engine in Node.js, for tests of what surrounds scripts.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";

const source = readFileSync(`${import.meta.dirname}/../../target/prelude.js`, "utf8");

/** A global scope with the prelude, and what it has called. */
export class Engine {
  constructor() {
    this.calls = [];
    this.log = [];
    this.now = 0;
    this.wake = Infinity;
    this.room = true;
    this.isSnapshotting = false;
    this.lastId = 0;
    this.current = 0;
    this.requests = new Map();
    /** Operations that were begun, by their number, with the request that each belongs to. */
    this.operations = new Map();
    this.cancelled = [];
    this.scope = createContext({ DOMException, atob, btoa });
    // QuickJS has these, and Node.js 20 does not.
    this.eval("Error.isError ??= (value) => value instanceof Error; undefined");
    this.eval("ArrayBuffer.prototype.transfer ??= function () { return this.slice(); }; undefined");
    this.hooks = runInContext(source, this.scope, { filename: "prelude.js" })(this.native());
  }

  native() {
    const note = (name) => (...args) => void this.calls.push([name, ...args.slice(1)]);
    const text = (bytes) => new TextDecoder().decode(bytes);
    return {
      headers: (id) => this.requests.get(id).headers ?? [],
      params: (id) => this.requests.get(id).params ?? [],
      body: (id) => new TextEncoder().encode(this.requests.get(id).body).buffer,
      bodyText: (id) => this.requests.get(id).body,
      respond: (id, status, headers, body, streaming, done) => {
        this.calls.push(["respond", status, [...headers], typeof body === "object" ? text(body) : body, streaming, done]);
      },
      chunk: (id, bytes) => {
        this.calls.push(["chunk", text(bytes)]);
        return this.room;
      },
      end: note("end"),
      abort: (id, message) => void this.calls.push(["abort", message.split("\n")[0]]),
      done: note("done"),
      fail: (id, kind, message) => void this.calls.push(["fail", kind, message.split("\n")[0]]),
      log: (level, message) => void this.log.push([level, message.split("\n")[0]]),
      now: () => Date.now(),
      monotonic: () => this.now,
      wake: (ms) => {
        this.wake = ms;
      },
      random: (bytes) => bytes.fill(7),
      snapshotting: () => this.isSnapshotting,
      variable: (index) => `value ${index}`,
      position: (stack) => stack,
      fulfilled: () => undefined,
      fieldName: (name) => name.toLowerCase(),
      ...this.begins("fetch", "send", "receive", "kvGet", "kvGetMany", "kvWrite", "kvIncrement"),
      current: () => this.current,
      causedBy: (id) => {
        this.current = id;
      },
      cancel: (number) => void this.cancelled.push(number),
      plainField: (value) => /^[!-~]+$/.test(value),
      utf8Encode: (value) => this.eval("Uint8Array").from(new TextEncoder().encode(value)),
      utf8Decode: (bytes) => text(bytes),
      urlParse: (value) => {
        const { href, protocol } = new URL(value);
        return [href, protocol.length, protocol.length + 2, 0, 0, 0, 0, 0];
      },
    };
  }

  begins(...names) {
    const begin = (name) => (owner, ...args) => {
      const number = this.operations.size + 1;
      this.operations.set(number, { name, owner, args });
      return number;
    };
    return Object.fromEntries(names.map((name) => [name, begin(name)]));
  }

  /** The number of the operation of this name that was begun last. */
  last(name) {
    return [...this.operations].findLast(([, operation]) => operation.name === name)[0];
  }

  /** Ends an operation as the host does. */
  async settled(number, value) {
    this.hooks.settled(number, false, value);
    return this.settle();
  }

  async failed(number, code, message) {
    this.hooks.settled(number, true, { code, message });
    return this.settle();
  }

  eval(code) {
    return runInContext(code, this.scope);
  }

  /** Sends a request; gives the calls that it leads to at once. */
  request({ method = "GET", url = "http://h/", ...rest } = {}) {
    const id = ++this.lastId;
    this.requests.set(id, rest);
    this.calls = [];
    this.current = id;
    this.hooks.dispatch(id, method, url, rest.body !== undefined);
    return this.calls;
  }

  /** Lets promises and the timers that are due have their turn. */
  async settle() {
    for (let round = 0; round < 20; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.wake <= this.now) this.hooks.runTimers();
    }
    return this.calls;
  }

  handle(code) {
    const refused = this.hooks.adopt(this.eval(`(${code})`));
    assert.equal(refused, undefined);
  }
}
