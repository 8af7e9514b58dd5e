// https://fetch.spec.whatwg.org/#request-class

import { AbortSignal, abort, newSignal } from "./abort.js";
import { Body, extract, extractedType, mixBody } from "./body.js";
import { hasName, headersOver, listFrom, listOf, valueIn } from "./headers.js";
import { TransformStream } from "./streams.js";
import { INTERNAL, dictionary, expose, required, usv } from "./webidl.js";

/** The request that came in under a number. Whatever it has is fetched when it is asked for. */
export let incoming;

/** What is to be sent for a request that nobody else has. */
export let outgoing;

/** Aborts the signal of an incoming request. */
export let abortIncoming;

let bodyAsText = false;

/** In wws 1.7 the `body` of a request is its text. */
export function setBodyAsText(value) {
  bodyAsText = value;
}

// 2.2.1: these are written in capitals, and those are refused.
const NORMAL = /^(?:delete|get|head|options|post|put)$/i;
const FORBIDDEN = /^(?:connect|trace|track)$/i;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function methodFrom(value) {
  const method = `${value}`;
  if (!TOKEN.test(method) || FORBIDDEN.test(method)) {
    throw new TypeError(`Request: invalid method: ${JSON.stringify(method)}`);
  }
  return NORMAL.test(method) ? method.toUpperCase() : method;
}

/** The members of `init` that a request only repeats, with what they may be. */
const ENUMS = {
  mode: ["cors", "same-origin", "no-cors", "navigate"],
  credentials: ["same-origin", "omit", "include"],
  cache: ["default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached"],
  redirect: ["follow", "error", "manual"],
  referrerPolicy: [
    "", "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin",
    "origin-when-cross-origin", "strict-origin-when-cross-origin", "unsafe-url",
  ],
};

function settingsFrom(init, settings) {
  for (const [name, values] of Object.entries(ENUMS)) {
    if (init[name] === undefined) continue;
    const value = `${init[name]}`;
    if (!values.includes(value)) throw new TypeError(`Request: invalid ${name}: ${JSON.stringify(value)}`);
    settings[name] = value;
  }
  if (settings.mode === "navigate" && init.mode !== undefined) {
    throw new TypeError("Request: the mode cannot be navigate");
  }
  if (init.integrity !== undefined) settings.integrity = `${init.integrity}`;
  if (init.keepalive !== undefined) settings.keepalive = Boolean(init.keepalive);
  if (init.referrer !== undefined) settings.referrer = usv(init.referrer);
  return settings;
}

export class Request {
  /** The number of an incoming request. */
  #id;
  #method;
  #url;
  /** The URL as the client has written it, until somebody asks for it. */
  #written;
  /** Undefined, a string, a Uint8Array, a `Body`, or the number of an incoming request. */
  #body;
  /** The headers once they were asked for, the signal, the parameters, and the rest of `init`. */
  #more;

  constructor(input, init = undefined) {
    if (input === INTERNAL) return;
    Request.#construct(this, input, dictionary(init, "Request: the second argument"));
  }

  static {
    // The first request of an instance, which mostly is the only one, finds an object made before
    // the snapshot.
    let prepared = new Request(INTERNAL);
    incoming = (id, method, url, hasBody) => {
      const request = prepared ?? new Request(INTERNAL);
      prepared = undefined;
      request.#id = id;
      request.#method = method;
      request.#written = url;
      if (hasBody) request.#body = id;
      return request;
    };
    abortIncoming = (request) => abort(request.signal, new DOMException("The client is gone", "AbortError"));

    outgoing = (request) => {
      const body = request.#body;
      const { headers, follows, settings } = request.#more;
      return {
        method: request.#method,
        url: request.url.replace(/#.*/s, ""),
        list: listOf(headers),
        body: body instanceof Body ? body.take() : body,
        signal: follows,
        settings,
      };
    };

    const bodyOf = (request) => {
      const body = request.#body;
      if (body === undefined || body instanceof Body) return body;
      request.#body = new Body(body, undefined);
      return request.#body;
    };
    mixBody(this, bodyOf, (request) => request.headers.get("content-type"));
    const { get } = Object.getOwnPropertyDescriptor(this.prototype, "body");
    Object.defineProperty(this.prototype, "body", {
      configurable: true,
      get() {
        if (bodyAsText && this.#id !== undefined) {
          this.#more ??= {};
          this.#more.text ??= native.bodyText(this.#id);
          return this.#more.text;
        }
        return get.call(this);
      },
    });
  }

  // 5.4, "The new Request(input, init) constructor". Private methods would be one more thing that
  // every request has.
  static #construct(request, input, init) {
    const other = typeof input === "object" && input !== null && #method in input ? input : undefined;
    const more = {};
    request.#more = more;
    if (other === undefined) {
      const text = usv(input);
      const parts = native.urlParse(text);
      if (parts === undefined) throw new TypeError(`Request: invalid URL: "${text}"`);
      const [href, protocolEnd, hostStart] = parts;
      if (hostStart > protocolEnd + 2) throw new TypeError(`Request: the URL has credentials: "${text}"`);
      request.#url = href;
      request.#method = "GET";
    } else {
      request.#url = other.url;
      request.#method = other.#method;
      Object.assign(more, other.#more?.settings && { settings: { ...other.#more.settings } });
    }
    if (init.method !== undefined) request.#method = methodFrom(init.method);
    more.settings = settingsFrom(init, more.settings ?? {});
    const { signal } = init;
    if (signal !== undefined && signal !== null && !(signal instanceof AbortSignal)) {
      throw new TypeError("Request: signal is no AbortSignal");
    }
    more.follows = signal === undefined ? other?.signal : (signal ?? undefined);
    const given = init.headers;
    const list = given !== undefined ? listFrom(given) : other === undefined ? [] : listOf(other.headers).slice();
    more.headers = headersOver(list, false);
    Request.#takeBody(request, init, other, list);
  }

  static #takeBody(request, init, other, list) {
    const { body } = init;
    const given = body !== undefined && body !== null;
    const inherited = !given && other !== undefined && other.#body !== undefined;
    if ((given || inherited) && (request.#method === "GET" || request.#method === "HEAD")) {
      throw new TypeError(`Request: a request with method ${request.#method} has no body`);
    }
    if (given) {
      request.#body = extract(body);
      if (extractedType !== undefined && !hasName(list, "content-type")) {
        list.push("content-type", extractedType);
      }
    } else if (inherited) {
      // The other request has no longer a body to be read.
      if (!(other.#body instanceof Body)) other.#body = new Body(other.#body, undefined);
      const { stream } = other.#body;
      const source = other.#body.take();
      request.#body = source === stream
        ? new Body(undefined, stream.pipeThrough(new TransformStream()))
        : new Body(source, undefined);
    }
  }

  get method() {
    return this.#method;
  }

  get url() {
    if (this.#written !== undefined) {
      this.#url = native.urlParse(this.#written)?.[0] ?? this.#written;
      this.#written = undefined;
    }
    return this.#url;
  }

  get headers() {
    this.#more ??= {};
    this.#more.headers ??= headersOver(native.headers(this.#id), true);
    return this.#more.headers;
  }

  /** The parts of the path that the route names. No standard has them. */
  get params() {
    this.#more ??= {};
    this.#more.params ??= this.#id === undefined ? {} : paramsOf(this.#id);
    return this.#more.params;
  }

  // Routers put what they have found in a path there.
  set params(value) {
    this.#more ??= {};
    this.#more.params = value;
  }

  get destination() {
    void this.#method;
    return "";
  }

  get referrer() {
    return this.#more?.settings?.referrer ?? "about:client";
  }

  get referrerPolicy() {
    return this.#more?.settings?.referrerPolicy ?? "";
  }

  get mode() {
    return this.#more?.settings?.mode ?? "cors";
  }

  get credentials() {
    return this.#more?.settings?.credentials ?? "same-origin";
  }

  get cache() {
    return this.#more?.settings?.cache ?? "default";
  }

  get redirect() {
    return this.#more?.settings?.redirect ?? "follow";
  }

  get integrity() {
    return this.#more?.settings?.integrity ?? "";
  }

  get keepalive() {
    return this.#more?.settings?.keepalive ?? false;
  }

  get isReloadNavigation() {
    void this.#method;
    return false;
  }

  get isHistoryNavigation() {
    void this.#method;
    return false;
  }

  get signal() {
    this.#more ??= {};
    const more = this.#more;
    more.signal ??= more.follows === undefined ? newSignal() : AbortSignal.any([more.follows]);
    return more.signal;
  }

  get duplex() {
    void this.#method;
    return "half";
  }

  clone() {
    const body = this.#body;
    if (body instanceof Body && body.unusable) {
      throw new TypeError("Request.clone: the body has been read, or its stream is locked");
    }
    const copy = new Request(INTERNAL);
    copy.#id = this.#id;
    copy.#method = this.#method;
    copy.#url = this.url;
    copy.#body = body instanceof Body ? body.tee() : body;
    const list = listOf(this.headers).slice();
    const settings = this.#more.settings && { ...this.#more.settings };
    copy.#more = { headers: headersOver(list, this.#id !== undefined), settings, follows: this.signal };
    return copy;
  }
}

/** The parameters of the route of a request, by name. */
export function paramsOf(id) {
  const list = native.params(id);
  const params = {};
  for (let at = 0; at < list.length; at += 2) {
    const [name, value] = [list[at], list[at + 1]];
    Object.defineProperty(params, name, { value, writable: true, enumerable: true, configurable: true });
  }
  return params;
}

expose("Request", Request);
