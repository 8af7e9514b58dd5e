// https://url.spec.whatwg.org/#api

import { INTERNAL, expose, iterable, required, usv } from "./webidl.js";

/** `URLSearchParams` over a list, belonging to a `URL` or to none. */
let paramsOf;
let setList;

export class URLSearchParams {
  /** Name, value, name, value, … */
  #list;
  /** Given the text after every change. */
  #changed;

  constructor(init = "") {
    if (init === INTERNAL) return;
    if ((typeof init === "object" && init !== null) || typeof init === "function") {
      this.#list = listFrom(init);
      return;
    }
    const query = usv(init);
    this.#list = native.formParse(query.startsWith("?") ? query.slice(1) : query);
  }

  static {
    paramsOf = (query, changed) => {
      const params = new URLSearchParams(INTERNAL);
      params.#list = native.formParse(query);
      params.#changed = changed;
      return params;
    };
    setList = (params, query) => {
      params.#list = native.formParse(query);
    };
    iterable(this, "URLSearchParams", (params, place) => {
      const list = params.#list;
      return 2 * place < list.length ? [list[2 * place], list[2 * place + 1]] : undefined;
    });
  }

  get size() {
    return this.#list.length / 2;
  }

  append(name, value) {
    required(arguments.length, 2, "URLSearchParams.append");
    this.#list.push(usv(name), usv(value));
    this.#changed?.(this.toString());
  }

  delete(name, value = undefined) {
    required(arguments.length, 1, "URLSearchParams.delete");
    removeFrom(this.#list, usv(name), value === undefined ? undefined : usv(value), 0);
    this.#changed?.(this.toString());
  }

  get(name) {
    const list = this.#list;
    const at = placeIn(list, usv(name), undefined);
    return at < 0 ? null : list[at + 1];
  }

  getAll(name) {
    required(arguments.length, 1, "URLSearchParams.getAll");
    name = usv(name);
    return this.#list.filter((_, at, list) => at % 2 === 1 && list[at - 1] === name);
  }

  has(name, value = undefined) {
    return placeIn(this.#list, usv(name), value === undefined ? undefined : usv(value)) >= 0;
  }

  set(name, value) {
    required(arguments.length, 2, "URLSearchParams.set");
    name = usv(name);
    value = usv(value);
    const at = placeIn(this.#list, name, undefined);
    if (at < 0) {
      this.#list.push(name, value);
    } else {
      this.#list[at + 1] = value;
      removeFrom(this.#list, name, undefined, at + 2);
    }
    this.#changed?.(this.toString());
  }

  sort() {
    const pairs = [];
    for (let at = 0; at < this.#list.length; at += 2) pairs.push([this.#list[at], this.#list[at + 1]]);
    // By UTF-16 units, and stable.
    pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#list = pairs.flat();
    this.#changed?.(this.toString());
  }

  toString() {
    return native.formText(this.#list);
  }
}

// Private methods would be one more thing that every object has: these are functions.

function placeIn(list, name, value) {
  for (let at = 0; at < list.length; at += 2) {
    if (list[at] === name && (value === undefined || list[at + 1] === value)) return at;
  }
  return -1;
}

function removeFrom(list, name, value, from) {
  let kept = from;
  for (let at = from; at < list.length; at += 2) {
    if (list[at] === name && (value === undefined || list[at + 1] === value)) continue;
    list[kept] = list[at];
    list[kept + 1] = list[at + 1];
    kept += 2;
  }
  list.length = kept;
}

/** A sequence of pairs, or a record (6.2). */
function listFrom(init) {
  const iterate = init[Symbol.iterator];
  const list = [];
  if (iterate === undefined || iterate === null) {
    const record = new Map();
    for (const name of Object.keys(init)) record.set(usv(name), usv(init[name]));
    for (const [name, value] of record) list.push(name, value);
    return list;
  }
  for (const pair of init) {
    const isObject = (typeof pair === "object" || typeof pair === "function") && pair !== null;
    if (!isObject || typeof pair[Symbol.iterator] !== "function") {
      throw new TypeError("URLSearchParams: not a sequence of pairs");
    }
    const items = [...pair];
    if (items.length !== 2) throw new TypeError("URLSearchParams: a pair does not have two items");
    list.push(usv(items[0]), usv(items[1]));
  }
  return list;
}

expose("URLSearchParams", URLSearchParams);

// Where in the list of `native.urlParse` it stands what ends or begins.
const HREF = 0;
const PROTOCOL_END = 1;
const HOST_START = 2;
const HOST_END = 3;
const PORT_END = 4;
const PATH_START = 5;
const PATH_END = 6;
const SEARCH_END = 7;

/** What every setter does. */
let setPart;
/** Gives the parameters of a URL its new query. */
let renew;

export class URL {
  #parts;
  #params;

  static {
    setPart = (url, part, value) => {
      value = usv(value);
      const parts = native.urlSet(url.#parts[HREF], part, value);
      if (parts === undefined) throw new TypeError(`Invalid URL: "${value}"`);
      url.#parts = parts;
    };
    renew = (url) => {
      if (url.#params !== undefined) setList(url.#params, queryOf(url.#parts));
    };
  }

  constructor(url, base = undefined) {
    const parts = base === undefined ? native.urlParse(usv(url)) : native.urlParse(usv(url), usv(base));
    if (parts === undefined) {
      const shown = base === undefined ? `"${url}"` : `"${url}" with base "${base}"`;
      throw new TypeError(`Invalid URL: ${shown}`);
    }
    this.#parts = parts;
  }

  static canParse(url, base = undefined) {
    required(arguments.length, 1, "URL.canParse");
    return base === undefined ? native.urlValid(usv(url)) : native.urlValid(usv(url), usv(base));
  }

  static parse(url, base = undefined) {
    required(arguments.length, 1, "URL.parse");
    return URL.canParse(url, base) ? new URL(url, base) : null;
  }

  get href() {
    return this.#parts[HREF];
  }

  set href(value) {
    setPart(this, "href", value);
    renew(this);
  }

  get origin() {
    const { protocol } = this;
    switch (protocol) {
      case "http:":
      case "https:":
      case "ws:":
      case "wss:":
      case "ftp:":
        return `${protocol}//${this.host}`;
      case "blob:": {
        const inner = URL.parse(this.pathname);
        return inner !== null && /^https?:$/.test(inner.protocol) ? inner.origin : "null";
      }
      default:
        return "null";
    }
  }

  get protocol() {
    const parts = this.#parts;
    return parts[HREF].slice(0, parts[PROTOCOL_END]);
  }

  set protocol(value) {
    setPart(this, "protocol", value);
  }

  get username() {
    return credentialsOf(this.#parts)[0];
  }

  set username(value) {
    setPart(this, "username", value);
  }

  get password() {
    return credentialsOf(this.#parts)[1];
  }

  set password(value) {
    setPart(this, "password", value);
  }

  get host() {
    const parts = this.#parts;
    return parts[HREF].slice(parts[HOST_START], parts[PORT_END]);
  }

  set host(value) {
    setPart(this, "host", value);
  }

  get hostname() {
    const parts = this.#parts;
    return parts[HREF].slice(parts[HOST_START], parts[HOST_END]);
  }

  set hostname(value) {
    setPart(this, "hostname", value);
  }

  get port() {
    const parts = this.#parts;
    return parts[HREF].slice(parts[HOST_END] + 1, parts[PORT_END]);
  }

  set port(value) {
    setPart(this, "port", value);
  }

  get pathname() {
    const parts = this.#parts;
    return parts[HREF].slice(parts[PATH_START], parts[PATH_END]);
  }

  set pathname(value) {
    setPart(this, "pathname", value);
  }

  get search() {
    const parts = this.#parts;
    const start = parts[PATH_END];
    // A question mark with nothing behind it is no query.
    return parts[SEARCH_END] - start > 1 ? parts[HREF].slice(start, parts[SEARCH_END]) : "";
  }

  set search(value) {
    setPart(this, "search", value);
    renew(this);
  }

  get searchParams() {
    this.#params ??= paramsOf(queryOf(this.#parts), (query) => setPart(this, "search", query));
    return this.#params;
  }

  get hash() {
    const parts = this.#parts;
    const hash = parts[HREF].slice(parts[SEARCH_END]);
    return hash.length > 1 ? hash : "";
  }

  set hash(value) {
    setPart(this, "hash", value);
  }

  toString() {
    return this.#parts[HREF];
  }

  toJSON() {
    return this.#parts[HREF];
  }
}

function queryOf(parts) {
  return parts[HREF].slice(parts[PATH_END] + 1, parts[SEARCH_END]);
}

/** Between the two slashes and the sign before the host. */
function credentialsOf(parts) {
  if (parts[HOST_START] <= parts[PROTOCOL_END] + 2) return ["", ""];
  const text = parts[HREF].slice(parts[PROTOCOL_END] + 2, parts[HOST_START] - 1);
  const colon = text.indexOf(":");
  return colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
}

expose("URL", URL);
