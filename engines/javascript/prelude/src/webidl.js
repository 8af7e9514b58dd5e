// What Web IDL (https://webidl.spec.whatwg.org) asks of every interface.

/** Makes the members of a class as enumerable as those of an interface, and gives it its tag. */
export function shape(Class, name) {
  const { prototype } = Class;
  for (const key of Reflect.ownKeys(prototype)) {
    if (key !== "constructor" && typeof key === "string") {
      Object.defineProperty(prototype, key, { enumerable: true });
    }
  }
  for (const key of Reflect.ownKeys(Class)) {
    const property = Object.getOwnPropertyDescriptor(Class, key);
    if (typeof property.value === "function" && property.configurable) {
      Object.defineProperty(Class, key, { enumerable: true });
    }
  }
  Object.defineProperty(Class, "name", { value: name, configurable: true });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  return Class;
}

/** Adds a value that is no operation of the global scope: a class, an object. */
export function hidden(object, name, value) {
  Object.defineProperty(object, name, {
    value,
    writable: true,
    enumerable: false,
    configurable: true,
  });
}

const interfaces = new Set();

/** Whether a value is an object of the platform. */
export function isInterface(value) {
  for (let at = value; at !== null; at = Object.getPrototypeOf(at)) if (interfaces.has(at)) return true;
  return false;
}

/** Adds an interface to the global scope. */
export function expose(name, Class) {
  interfaces.add(Class.prototype);
  hidden(globalThis, name, shape(Class, name));
}

/** Adds operations to the global scope; they are enumerable there (3.7.7). */
export function operations(functions) {
  for (const [name, value] of Object.entries(functions)) {
    Object.defineProperty(globalThis, name, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
}

/** Constants stand on the interface and on its prototype (3.7.5). */
export function constants(Class, values) {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(Class, name, { value, enumerable: true });
    Object.defineProperty(Class.prototype, name, { value, enumerable: true });
  }
}

/** What a constructor compares its first argument with, to know that it was called from here. */
export const INTERNAL = Symbol("internal");

export function illegal() {
  return new TypeError("Illegal constructor");
}

/** Says who was called with too few arguments, as browsers do. */
export function required(count, needed, what) {
  if (count < needed) {
    throw new TypeError(`${what}: ${needed} argument${needed > 1 ? "s" : ""} required, but only ${count} present`);
  }
}

/** USVString (3.2.12). */
export function usv(value) {
  return (typeof value === "string" ? value : `${value}`).toWellFormed();
}

/** A dictionary may be left out, or be null (3.2.17). */
export function dictionary(value, what) {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" && typeof value !== "function") {
    throw new TypeError(`${what} is not an object`);
  }
  return value;
}

/** The bytes of a BufferSource, not copied; undefined for anything else. */
export function bytesOf(value) {
  if (ArrayBuffer.isView(value)) {
    if (value instanceof Uint8Array) return value;
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  return isBuffer(value) ? new Uint8Array(value) : undefined;
}

const byteLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength").get;

export function isBuffer(value) {
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof ArrayBuffer) return true;
  try {
    byteLength.call(value);
    return true;
  } catch {
    return false;
  }
}

const IteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));

/**
 * Gives a class the methods of an iterable of pairs (3.7.9). `pairAt(object, place)` is a pair, or
 * undefined behind the last one; it is asked at every step, so that changes are seen meanwhile.
 */
export function iterable(Class, name, pairAt) {
  class PairIterator {
    #object;
    #kind;
    #place = 0;

    constructor(object, kind) {
      this.#object = object;
      this.#kind = kind;
    }

    next() {
      const pair = pairAt(this.#object, this.#place);
      if (pair === undefined) return { value: undefined, done: true };
      this.#place++;
      return { value: this.#kind === 2 ? pair : pair[this.#kind], done: false };
    }
  }
  const iterator = PairIterator.prototype;
  Object.setPrototypeOf(iterator, IteratorPrototype);
  delete iterator.constructor;
  shape(PairIterator, `${name} Iterator`);
  const methods = {
    entries() {
      pairAt(this, 0);
      return new PairIterator(this, 2);
    },
    forEach(callback, thisArg = undefined) {
      required(arguments.length, 1, `${name}.forEach`);
      if (typeof callback !== "function") throw new TypeError(`${name}.forEach: not a function`);
      for (let place = 0, pair; (pair = pairAt(this, place)) !== undefined; place++) {
        callback.call(thisArg, pair[1], pair[0], this);
      }
    },
    keys() {
      pairAt(this, 0);
      return new PairIterator(this, 0);
    },
    values() {
      pairAt(this, 0);
      return new PairIterator(this, 1);
    },
  };
  for (const key of Object.keys(methods)) hidden(Class.prototype, key, methods[key]);
  hidden(Class.prototype, Symbol.iterator, methods.entries);
}
