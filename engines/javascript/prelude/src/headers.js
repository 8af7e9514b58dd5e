// https://fetch.spec.whatwg.org/#headers-class

import { INTERNAL, expose, iterable, required } from "./webidl.js";

// Names that are seen all the time: looking them up is much cheaper than checking them.
const KNOWN = new Map();
for (const name of [
  "Accept", "Accept-Encoding", "Accept-Language", "Accept-Ranges", "Access-Control-Allow-Credentials",
  "Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Origin",
  "Access-Control-Expose-Headers", "Access-Control-Max-Age", "Access-Control-Request-Headers",
  "Access-Control-Request-Method", "Age", "Allow", "Authorization", "Cache-Control", "Connection",
  "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length",
  "Content-Location", "Content-Range", "Content-Security-Policy", "Content-Type", "Cookie", "Date",
  "ETag", "Expires", "Forwarded", "Host", "If-Match", "If-Modified-Since", "If-None-Match",
  "If-Range", "Last-Modified", "Link", "Location", "Origin", "Permissions-Policy", "Range",
  "Referer", "Referrer-Policy", "Retry-After", "Server", "Server-Timing", "Set-Cookie",
  "Strict-Transport-Security", "Transfer-Encoding", "User-Agent", "Vary", "WWW-Authenticate",
  "X-Content-Type-Options", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
  "X-Frame-Options", "X-Powered-By", "X-Request-Id", "X-Requested-With",
]) {
  KNOWN.set(name, name.toLowerCase());
  KNOWN.set(name.toLowerCase(), name.toLowerCase());
}

const { plainField } = native;

/** A name in lower case. */
export function fieldName(name) {
  const known = KNOWN.get(name);
  if (known !== undefined) return known;
  const lower = native.fieldName(`${name}`);
  if (lower === undefined) throw new TypeError(`Invalid header name: ${JSON.stringify(`${name}`)}`);
  return lower;
}

/** A value without the white space around it (2.2.2, "normalize"). */
export function fieldValue(value) {
  if (typeof value !== "string") value = `${value}`;
  if (plainField(value)) return value;
  value = value.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  if (/[\0\n\r]/.test(value) || /[^\0-\xff]/.test(value)) {
    throw new TypeError(`Invalid header value: ${JSON.stringify(value)}`);
  }
  return value;
}

/** The value of a name in a list, joined if it stands there several times; null without any. */
export function valueIn(list, name) {
  let value = null;
  for (let at = 0; at < list.length; at += 2) {
    if (list[at] === name) value = value === null ? list[at + 1] : `${value}, ${list[at + 1]}`;
  }
  return value;
}

/** Takes a name from a list. */
function remove(list, name) {
  let kept = 0;
  for (let at = 0; at < list.length; at += 2) {
    if (list[at] === name) continue;
    list[kept] = list[at];
    list[kept + 1] = list[at + 1];
    kept += 2;
  }
  list.length = kept;
}

/** Puts a value into the first place of a name, and takes its others away. */
function replace(list, name, value) {
  const first = list.indexOf(name);
  // A value may read like the name.
  const at = first % 2 === 0 ? first : namePlace(list, name);
  if (at < 0) {
    list.push(name, value);
    return;
  }
  const rest = list.splice(at + 2);
  list[at + 1] = value;
  remove(rest, name);
  list.push(...rest);
}

/** A list without a name. */
export function without(list, name) {
  return list.filter((_, at) => list[at - (at % 2)] !== name);
}

/** Whether a name stands in a list. */
export function hasName(list, name) {
  for (let at = 0; at < list.length; at += 2) if (list[at] === name) return true;
  return false;
}

function namePlace(list, name) {
  for (let at = 0; at < list.length; at += 2) if (list[at] === name) return at;
  return -1;
}

/** Sorted by name and joined, but for Set-Cookie (2.2.2, "sort and combine"). */
function sorted(list) {
  const values = new Map();
  const cookies = [];
  for (let at = 0; at < list.length; at += 2) {
    const name = list[at];
    const value = list[at + 1];
    if (name === "set-cookie") cookies.push([name, value]);
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  const pairs = [];
  for (const name of [...values.keys()].sort()) {
    if (name === "set-cookie") pairs.push(...cookies);
    else pairs.push([name, values.get(name)]);
  }
  return pairs;
}

/** The list of a `Headers`, for everything here that reads or makes one. */
export let listOf;

/** `Headers` over a list. */
export let headersOver;

/** What may be given for headers, as a list of its own (5.1, "fill"). */
export let listFrom;

/** To be called before a change. A private method would be one more thing that every object has. */
let change;
let entries;

export class Headers {
  #list;
  #frozen;
  /** The pairs in the order of iteration, until the next change. */
  #sorted;

  constructor(init = undefined) {
    this.#frozen = false;
    this.#list = init === undefined || init === INTERNAL ? [] : listFrom(init);
  }

  static {
    listOf = (headers) => headers.#list;
    change = (headers) => {
      if (headers.#frozen) throw new TypeError("Headers are immutable");
      headers.#sorted = undefined;
    };
    headersOver = (list, frozen) => {
      const headers = new Headers(INTERNAL);
      headers.#list = list;
      headers.#frozen = frozen;
      return headers;
    };
    listFrom = (init) => {
      if ((typeof init !== "object" && typeof init !== "function") || init === null) {
        throw new TypeError("Headers: neither an object nor a sequence of pairs");
      }
      const iterate = init[Symbol.iterator];
      if (iterate === entries && #list in init) return init.#list.slice();
      const list = [];
      if (iterate === undefined || iterate === null) {
        const names = Object.keys(init);
        // This is how most responses get their headers: what is called for nothing counts.
        for (let at = 0; at < names.length; at++) {
          const name = names[at];
          const value = init[name];
          const isFine = typeof value === "string" && plainField(value);
          list.push(KNOWN.get(name) ?? fieldName(name), isFine ? value : fieldValue(value));
        }
        return list;
      }
      if (typeof iterate !== "function") throw new TypeError("Headers: not a sequence of pairs");
      for (const pair of init) {
        const isObject = typeof pair === "object" && pair !== null;
        if (!isObject || typeof pair[Symbol.iterator] !== "function") {
          throw new TypeError("Headers: not a sequence of pairs");
        }
        const items = [...pair];
        if (items.length !== 2) throw new TypeError("Headers: a pair does not have two items");
        list.push(fieldName(items[0]), fieldValue(items[1]));
      }
      return list;
    };
  }

  append(name, value) {
    required(arguments.length, 2, "Headers.append");
    name = fieldName(name);
    value = fieldValue(value);
    change(this);
    this.#list.push(name, value);
  }

  delete(name) {
    required(arguments.length, 1, "Headers.delete");
    name = fieldName(name);
    change(this);
    remove(this.#list, name);
  }

  // Counting arguments takes longer than all the rest of these two: without one they look for the
  // name "undefined".
  get(name) {
    return valueIn(this.#list, fieldName(name));
  }

  getSetCookie() {
    return this.#list.filter((_, at, list) => at % 2 === 1 && list[at - 1] === "set-cookie");
  }

  has(name) {
    return namePlace(this.#list, fieldName(name)) >= 0;
  }

  set(name, value) {
    required(arguments.length, 2, "Headers.set");
    name = fieldName(name);
    value = fieldValue(value);
    change(this);
    replace(this.#list, name, value);
  }

  static {
    iterable(this, "Headers", (headers, place) => {
      headers.#sorted ??= sorted(headers.#list);
      return headers.#sorted[place];
    });
    entries = this.prototype.entries;
  }
}

expose("Headers", Headers);
