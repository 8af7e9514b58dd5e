// The key-value store of a script. No standard has it: each operation is atomic, and waited for.

import { Failure, outcome, storeError } from "./operations.js";
import { bytesOf, dictionary, hidden, required } from "./webidl.js";

/** How many operations wait for the host at once; others wait for them. */
const OPEN_MAX = 256;

const LIST_LIMIT = 1000;

let open = 0;
const queue = [];

async function ask(what, begin) {
  if (native.snapshotting()) {
    throw new Error(
      `${what}: there is no key-value store at the top level of a script, which runs when the site ` +
        "is bundled; use it while a request is answered",
    );
  }
  const owner = native.current();
  if (open < OPEN_MAX) open++;
  else await new Promise((resolve) => queue.push(resolve));
  try {
    return await outcome(begin(owner), owner);
  } catch (failure) {
    throw failure instanceof Failure ? storeError(failure) : failure;
  } finally {
    const next = queue.shift();
    if (next === undefined) open--;
    else next();
  }
}

/** A key: a string, or bytes. */
export function keyFrom(key, what) {
  if (typeof key === "string") return key;
  const bytes = bytesOf(key);
  if (bytes === undefined) throw new TypeError(`${what}: a key is a string or bytes`);
  return bytes;
}

/** A value: a string, or bytes. */
export function valueFrom(value, what) {
  if (typeof value === "string") return value;
  const bytes = bytesOf(value);
  if (bytes !== undefined) return bytes;
  const advice = typeof value === "object" && value !== null ? "JSON.stringify(value)" : "String(value)";
  throw new TypeError(`${what}: a value is a string or bytes; give it as ${advice}`);
}

function orNull(value, what) {
  return value === null ? null : valueFrom(value, what);
}

/** The text of a value. */
export function textFrom(bytes, what) {
  const text = native.utf8Decode(bytes, true, true);
  if (text !== undefined) return text;
  throw new TypeError(`${what}: the value is not text; get it with kv.get(key, { type: "bytes" })`);
}

const TYPES = {
  text: textFrom,
  json: (bytes, what) => JSON.parse(textFrom(bytes, what)),
  bytes: (bytes) => bytes,
  arrayBuffer: (bytes) => bytes.buffer,
};

/** How the values are wanted: `type` alone, or in an object. */
function typeFrom(options, what) {
  const type = typeof options === "string" ? options : (dictionary(options, `${what}: the second argument`).type ?? "text");
  if (!Object.hasOwn(TYPES, type)) {
    throw new TypeError(`${what}: the type ${JSON.stringify(type)} is none of ${Object.keys(TYPES).join(", ")}`);
  }
  return (bytes) => (bytes === null ? null : TYPES[type](bytes, what));
}

/** A key that the host gives, as scripts mostly have it; bytes if it is no text. */
function keyOf(bytes) {
  return native.utf8Decode(bytes, true, true) ?? bytes;
}

/** What `setMany` is given: an object, a Map, or pairs. */
function pairsFrom(entries, what) {
  if (typeof entries !== "object" || entries === null) {
    throw new TypeError(`${what}: the entries are no object, Map or list of pairs`);
  }
  const pairs = typeof entries[Symbol.iterator] === "function" ? [...entries] : Object.entries(entries);
  return pairs.flatMap(([key, value]) => [keyFrom(key, what), orNull(value, what)]);
}

function deltaFrom(delta, what) {
  const whole = typeof delta === "bigint" || Number.isSafeInteger(delta);
  if (!whole || BigInt.asIntN(64, BigInt(delta)) !== BigInt(delta)) {
    throw new TypeError(`${what}: the second argument is no whole number, or too large for one`);
  }
  return BigInt(delta);
}

const methods = {
  async get(key, options = undefined) {
    required(arguments.length, 1, "kv.get");
    const [name, read] = [keyFrom(key, "kv.get"), typeFrom(options, "kv.get")];
    const [value] = await ask("kv.get", (owner) => native.kvGet(owner, name));
    return read(value);
  },

  async getMany(keys, options = undefined) {
    required(arguments.length, 1, "kv.getMany");
    const names = [...keys].map((key) => keyFrom(key, "kv.getMany"));
    const read = typeFrom(options, "kv.getMany");
    const values = await ask("kv.getMany", (owner) => native.kvGetMany(owner, names));
    return values.map(read);
  },

  async set(key, value) {
    required(arguments.length, 2, "kv.set");
    const pair = [keyFrom(key, "kv.set"), valueFrom(value, "kv.set")];
    await ask("kv.set", (owner) => native.kvWrite(owner, pair));
  },

  /** All of them or none; null deletes. */
  async setMany(entries) {
    required(arguments.length, 1, "kv.setMany");
    const pairs = pairsFrom(entries, "kv.setMany");
    await ask("kv.setMany", (owner) => native.kvWrite(owner, pairs));
  },

  async delete(key) {
    required(arguments.length, 1, "kv.delete");
    const name = keyFrom(key, "kv.delete");
    return ask("kv.delete", (owner) => native.kvDelete(owner, name));
  },

  async list(options = undefined) {
    const { prefix, after, limit } = dictionary(options, "kv.list: the first argument");
    const count = limit === undefined ? LIST_LIMIT : limit;
    if (!(Number.isInteger(count) && count >= 1 && count <= LIST_LIMIT)) {
      throw new RangeError(`kv.list: limit is not within 1 to ${LIST_LIMIT}`);
    }
    const [first, last] = [keyFrom(prefix ?? "", "kv.list"), after === undefined || after === null ? null : keyFrom(after, "kv.list")];
    const { keys, next } = await ask("kv.list", (owner) => native.kvList(owner, first, last, count));
    return { keys: keys.map(keyOf), next: next === null ? null : keyOf(next) };
  },

  async increment(key, delta = 1) {
    required(arguments.length, 1, "kv.increment");
    const [name, added] = [keyFrom(key, "kv.increment"), deltaFrom(delta, "kv.increment")];
    const sum = await ask("kv.increment", (owner) => native.kvIncrement(owner, name, added));
    if (typeof delta === "bigint") return sum;
    if (Number.isSafeInteger(Number(sum))) return Number(sum);
    throw new RangeError(
      `kv.increment: it was done, but the sum ${sum} is too large for a number; add a BigInt, and get one`,
    );
  },

  async compareAndSet(key, expected, value) {
    required(arguments.length, 3, "kv.compareAndSet");
    const name = keyFrom(key, "kv.compareAndSet");
    const [old, next] = [orNull(expected, "kv.compareAndSet"), orNull(value, "kv.compareAndSet")];
    return ask("kv.compareAndSet", (owner) => native.kvCompareAndSet(owner, name, old, next));
  },
};

hidden(globalThis, "kv", methods);
