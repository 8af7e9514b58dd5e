// https://html.spec.whatwg.org/#safe-passing-of-structured-data

import { Blob, File } from "./blob.js";
import { dictionary, isInterface, operations, required } from "./webidl.js";

const ERRORS = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
const WRAPPERS = [Boolean, Number, String, BigInt];
const { source: sourceOf, flags: flagsOf } = Object.fromEntries(
  ["source", "flags"].map((name) => [name, Object.getOwnPropertyDescriptor(RegExp.prototype, name).get]),
);
const { getTime } = Date.prototype;
// Platform objects of the language itself that hold what cannot be copied.
const UNCLONEABLE = [Promise, WeakMap, WeakSet, WeakRef, FinalizationRegistry, Symbol];

function refuse(what) {
  return new DOMException(`${what} could not be cloned.`, "DataCloneError");
}

/** Ways to transfer objects of the platform, by their class. */
const transfers = new Map();

/** Has objects of a class transferred by `transfer(object)`, which gives the new object. */
export function transferable(Class, transfer) {
  transfers.set(Class, transfer);
}

function name(value) {
  if (typeof value === "function") return value.name === "" ? "A function" : `Function ${value.name}`;
  return `An object of ${value.constructor?.name ?? "no class"}`;
}

/**
 * One structured clone; `memory` has what has been cloned or transferred already, and `views` where
 * the views of buffers began before those were transferred.
 */
class Cloning {
  constructor(memory, views) {
    this.memory = memory;
    this.views = views;
  }

  clone(value) {
    if (typeof value === "symbol") throw refuse("A symbol");
    if (typeof value === "function") throw refuse(name(value));
    if (typeof value !== "object" || value === null) return value;
    const known = this.memory.get(value);
    return known === undefined ? this.object(value) : known;
  }

  /** Remembers a copy before its parts are copied, which may refer to it. */
  keep(value, copy) {
    this.memory.set(value, copy);
    return copy;
  }

  object(value) {
    if (Array.isArray(value)) {
      return this.properties(value, this.keep(value, new Array(value.length)));
    }
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      const copy = this.special(value);
      if (copy !== undefined) return copy;
    }
    return this.properties(value, this.keep(value, {}));
  }

  properties(value, copy) {
    for (const key of Object.keys(value)) {
      // A getter may have taken it away.
      if (!Object.hasOwn(value, key)) continue;
      const part = this.clone(value[key]);
      Object.defineProperty(copy, key, { value: part, writable: true, enumerable: true, configurable: true });
    }
    return copy;
  }

  /** What has more to it than properties; undefined for objects of a script's own classes. */
  special(value) {
    const Wrapper = WRAPPERS.find((Class) => value instanceof Class);
    if (Wrapper !== undefined) return this.keep(value, Object(Wrapper.prototype.valueOf.call(value)));
    if (value instanceof Date) return this.keep(value, new Date(getTime.call(value)));
    if (value instanceof RegExp) {
      return this.keep(value, new RegExp(sourceOf.call(value), flagsOf.call(value)));
    }
    if (value instanceof ArrayBuffer) return this.keep(value, copyOf(value));
    if (ArrayBuffer.isView(value)) return this.view(value);
    if (value instanceof Map) return this.map(value);
    if (value instanceof Set) return this.set(value);
    if (value instanceof DOMException) {
      return this.keep(value, new DOMException(value.message, value.name));
    }
    if (Error.isError(value)) return this.error(value);
    if (value instanceof Blob) return this.keep(value, blob(value));
    if (isInterface(value) || UNCLONEABLE.some((Class) => value instanceof Class)) {
      throw refuse(name(value));
    }
    return undefined;
  }

  view(value) {
    let place = this.views.get(value);
    if (place === undefined) {
      const { buffer, byteOffset } = value;
      place = { buffer, byteOffset, length: value instanceof DataView ? value.byteLength : value.length };
      this.views.set(value, place);
    }
    const Class = globalThis[value instanceof DataView ? "DataView" : value[Symbol.toStringTag]];
    return this.keep(value, new Class(this.clone(place.buffer), place.byteOffset, place.length));
  }

  map(value) {
    const copy = this.keep(value, new Map());
    // What is added meanwhile is not copied.
    for (const [key, one] of [...Map.prototype.entries.call(value)]) copy.set(this.clone(key), this.clone(one));
    return copy;
  }

  set(value) {
    const copy = this.keep(value, new Set());
    for (const one of [...Set.prototype.values.call(value)]) copy.add(this.clone(one));
    return copy;
  }

  error(value) {
    const Class = ERRORS[value.name] ?? Error;
    const made = this.keep(value, new Class());
    const message = Object.getOwnPropertyDescriptor(value, "message");
    const define = (key, part) => {
      Object.defineProperty(made, key, { value: part, writable: true, configurable: true });
    };
    if (message !== undefined && "value" in message) define("message", `${message.value}`);
    define("stack", `${value.stack}`);
    if (Object.hasOwn(value, "cause")) define("cause", this.clone(value.cause));
    return made;
  }
}

function copyOf(buffer) {
  if (buffer.detached) throw refuse("A detached ArrayBuffer");
  if (!buffer.resizable) return buffer.slice(0);
  const copy = new ArrayBuffer(buffer.byteLength, { maxByteLength: buffer.maxByteLength });
  new Uint8Array(copy).set(new Uint8Array(buffer));
  return copy;
}

function blob(value) {
  const { type } = value;
  if (value instanceof File) {
    return new File([value], value.name, { type, lastModified: value.lastModified });
  }
  return value.slice(0, value.size, type);
}

function transferOf(object) {
  if (object instanceof ArrayBuffer) {
    if (object.detached) throw refuse("A detached ArrayBuffer");
    return () => object.transfer();
  }
  for (const [Class, transfer] of transfers) {
    if (object instanceof Class) return transfer(object, refuse);
  }
  throw refuse("An object that is in the list of what to transfer, but cannot be transferred,");
}

/** Clones a value and transfers objects: the clone and what has become of those objects. */
export function cloneWith(value, transfer) {
  const list = [...transfer];
  const moves = new Map();
  for (const object of list) {
    if (moves.has(object)) throw refuse("An object that is twice in the list of what to transfer");
    moves.set(object, transferOf(object));
  }
  const memory = new Map();
  const views = new Map();
  if (moves.size > 0) {
    // Nothing may be transferred if something cannot be cloned, which this finds out.
    for (const object of list) memory.set(object, object instanceof ArrayBuffer ? copyOf(object) : object);
    new Cloning(memory, views).clone(value);
    memory.clear();
    for (const [object, move] of moves) memory.set(object, move());
  }
  const moved = list.map((object) => memory.get(object));
  return { clone: new Cloning(memory, views).clone(value), moved };
}

operations({
  structuredClone(value, options = undefined) {
    required(arguments.length, 1, "structuredClone");
    const { transfer = [] } = dictionary(options, "structuredClone: the second argument");
    return cloneWith(value, transfer).clone;
  },
});
