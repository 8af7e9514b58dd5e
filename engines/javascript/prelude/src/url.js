// https://url.spec.whatwg.org/#api

import { expose, iterable, required, usv } from "./webidl.js";

/** `URLSearchParams` over a list, belonging to a `URL` or to none. */
let paramsOf;
let setList;

export class URLSearchParams {
  /** Name, value, name, value, … */
  #list = [];
  /** Given the text after every change. */
  #changed;

  constructor(init = "") {
    if (typeof init === "object" || typeof init === "function") {
      if (init !== null) this.#list = listFrom(init);
      else this.#list = ["null", ""];
      return;
    }
    const query = usv(init);
    this.#list = native.formParse(query.startsWith("?") ? query.slice(1) : query);
  }

  static {
    paramsOf = (query, changed) => {
      const params = new URLSearchParams();
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
    this.#remove(usv(name), value === undefined ? undefined : usv(value), 0);
    this.#changed?.(this.toString());
  }

  get(name) {
    required(arguments.length, 1, "URLSearchParams.get");
    const at = this.#place(usv(name), undefined);
    return at < 0 ? null : this.#list[at + 1];
  }

  getAll(name) {
    required(arguments.length, 1, "URLSearchParams.getAll");
    name = usv(name);
    return this.#list.filter((_, at, list) => at % 2 === 1 && list[at - 1] === name);
  }

  has(name, value = undefined) {
    required(arguments.length, 1, "URLSearchParams.has");
    return this.#place(usv(name), value === undefined ? undefined : usv(value)) >= 0;
  }

  set(name, value) {
    required(arguments.length, 2, "URLSearchParams.set");
    name = usv(name);
    value = usv(value);
    const at = this.#place(name, undefined);
    if (at < 0) {
      this.#list.push(name, value);
    } else {
      this.#list[at + 1] = value;
      this.#remove(name, undefined, at + 2);
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

  #place(name, value) {
    const list = this.#list;
    for (let at = 0; at < list.length; at += 2) {
      if (list[at] === name && (value === undefined || list[at + 1] === value)) return at;
    }
    return -1;
  }

  #remove(name, value, from) {
    const list = this.#list;
    let kept = from;
    for (let at = from; at < list.length; at += 2) {
      if (list[at] === name && (value === undefined || list[at + 1] === value)) continue;
      list[kept] = list[at];
      list[kept + 1] = list[at + 1];
      kept += 2;
    }
    list.length = kept;
  }
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

export class URL {
  #parts;
  #params;

  constructor(url, base = undefined) {
    required(arguments.length, 1, "URL");
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
    this.#set("href", value);
    this.#renew();
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
    this.#set("protocol", value);
  }

  get username() {
    return this.#credentials()[0];
  }

  set username(value) {
    this.#set("username", value);
  }

  get password() {
    return this.#credentials()[1];
  }

  set password(value) {
    this.#set("password", value);
  }

  get host() {
    const parts = this.#parts;
    return parts[HREF].slice(parts[HOST_START], parts[PORT_END]);
  }

  set host(value) {
    this.#set("host", value);
  }

  get hostname() {
    const parts = this.#parts;
    return parts[HREF].slice(parts[HOST_START], parts[HOST_END]);
  }

  set hostname(value) {
    this.#set("hostname", value);
  }

  get port() {
    const parts = this.#parts;
    return parts[HREF].slice(parts[HOST_END] + 1, parts[PORT_END]);
  }

  set port(value) {
    this.#set("port", value);
  }

  get pathname() {
    const parts = this.#parts;
    return parts[HREF].slice(parts[PATH_START], parts[PATH_END]);
  }

  set pathname(value) {
    this.#set("pathname", value);
  }

  get search() {
    const parts = this.#parts;
    const start = parts[PATH_END];
    // A question mark with nothing behind it is no query.
    return parts[SEARCH_END] - start > 1 ? parts[HREF].slice(start, parts[SEARCH_END]) : "";
  }

  set search(value) {
    this.#set("search", value);
    this.#renew();
  }

  get searchParams() {
    this.#params ??= paramsOf(this.#query(), (query) => this.#set("search", query));
    return this.#params;
  }

  get hash() {
    const parts = this.#parts;
    const hash = parts[HREF].slice(parts[SEARCH_END]);
    return hash.length > 1 ? hash : "";
  }

  set hash(value) {
    this.#set("hash", value);
  }

  toString() {
    return this.#parts[HREF];
  }

  toJSON() {
    return this.#parts[HREF];
  }

  #set(part, value) {
    value = usv(value);
    const parts = native.urlSet(this.#parts[HREF], part, value);
    if (parts === undefined) throw new TypeError(`Invalid URL: "${value}"`);
    this.#parts = parts;
  }

  #query() {
    const parts = this.#parts;
    return parts[HREF].slice(parts[PATH_END] + 1, parts[SEARCH_END]);
  }

  #renew() {
    if (this.#params !== undefined) setList(this.#params, this.#query());
  }

  /** Between the two slashes and the sign before the host. */
  #credentials() {
    const parts = this.#parts;
    const text = parts[HREF].slice(parts[PROTOCOL_END] + 2, Math.max(0, parts[HOST_START] - 1));
    if (parts[HOST_START] <= parts[PROTOCOL_END] + 2) return ["", ""];
    const colon = text.indexOf(":");
    return colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
  }
}

expose("URL", URL);
