// https://fetch.spec.whatwg.org/#response-class

import { Body, TEXT, extract, extractedType, mixBody, sourceBytes } from "./body.js";
import { hasName, headersOver, listFrom, valueIn } from "./headers.js";
import { ReadableStream } from "./streams.js";
import { dictionary, expose, required, usv } from "./webidl.js";

/** Whether a value is a Response. */
export let isResponse;

/** The response that a call has led to, with a stream or bytes as its body. */
export let fetched;

/**
 * Answers a request with a response: false if that response cannot be sent, a stream that is left
 * to be sent, or undefined when all is done. `done` says that nothing but the answer is waited for.
 */
export let send;

// RFC 9112, 4: a reason phrase.
const REASON = /^[\t -~\x80-\xff]*$/;
// 2.2.3.
export const NULL_BODY = new Set([101, 103, 204, 205, 304]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

function statusFrom(value) {
  const status = Number(value) & 0xffff;
  if (status < 200 || status > 599) {
    throw new RangeError(`Response: the status ${value} is not within 200 to 599`);
  }
  return status;
}

function reason(value) {
  const text = `${value}`;
  if (!REASON.test(text)) throw new TypeError("Response: invalid statusText");
  return text;
}

export class Response {
  #status;
  /** The headers, as names and values. */
  #list;
  /** Undefined, a string, a Uint8Array, or a `Body`. */
  #body;
  /** What most responses never need: the `Headers` over the list, and the rest of `init`. */
  #more;

  // This runs for every request: nothing is made that may not be needed.
  constructor(body = null, init = undefined) {
    this.#status = 200;
    let list;
    if (init === undefined || init === null) {
      if (typeof body === "string") {
        this.#body = body;
        this.#list = ["content-type", TEXT];
        return;
      }
      list = [];
    } else {
      const { status, statusText, headers } = dictionary(init, "Response: the second argument");
      if (status !== undefined && status !== 200) this.#status = statusFrom(status);
      if (statusText !== undefined && statusText !== "") this.#more = { statusText: reason(statusText) };
      list = headers === undefined ? [] : listFrom(headers);
    }
    this.#list = list;
    if (body === null || body === undefined) return;
    if (this.#status !== 200 && NULL_BODY.has(this.#status)) {
      throw new TypeError(`Response: a response with status ${this.#status} has no body`);
    }
    if (typeof body === "string") {
      this.#body = body;
      if (!hasName(list, "content-type")) list.push("content-type", TEXT);
      return;
    }
    this.#body = extract(body);
    if (extractedType !== undefined && !hasName(list, "content-type")) {
      list.push("content-type", extractedType);
    }
  }

  static {
    isResponse = (value) => typeof value === "object" && value !== null && #status in value;

    send = (response, id, isHead, done) => {
      let body = response.#body;
      if (response.#status === 0) return false;
      if (body instanceof Body) {
        if (body.unusable) return false;
        const { stream } = body;
        body = body.take();
        if (body !== undefined && body === stream) {
          if (isHead) {
            // Nobody would see what the stream makes.
            stream.cancel().catch(() => {});
            body = undefined;
          } else {
            native.respond(id, response.#status, response.#list, undefined, true, false);
            return stream;
          }
        } else if (typeof body !== "string") {
          body = sourceBytes(body);
        }
      }
      native.respond(id, response.#status, response.#list, body, false, done);
      return undefined;
    };

    fetched = ({ status, reason, url, redirected, headers }, body) => {
      const response = new Response();
      response.#status = status;
      response.#list = headers;
      response.#body = body instanceof ReadableStream ? new Body(undefined, body) : body;
      const frozen = headersOver(headers, true);
      response.#more = { statusText: reason, type: "basic", url, redirected, headers: frozen };
      return response;
    };

    const bodyOf = (response) => {
      const body = response.#body;
      if (body === undefined || body instanceof Body) return body;
      response.#body = new Body(body, undefined);
      return response.#body;
    };
    mixBody(this, bodyOf, (response) => valueIn(response.#list, "content-type"));
  }

  static error() {
    const response = new Response();
    response.#status = 0;
    response.#more = { type: "error", headers: headersOver(response.#list, true) };
    return response;
  }

  static redirect(url, status = 302) {
    required(arguments.length, 1, "Response.redirect");
    const parsed = native.urlParse(usv(url));
    if (parsed === undefined) throw new TypeError(`Response.redirect: invalid URL: "${url}"`);
    status = Number(status) & 0xffff;
    if (!REDIRECTS.has(status)) {
      throw new RangeError(`Response.redirect: ${status} is not the status of a redirect`);
    }
    const response = new Response(null, { status });
    response.#list.push("location", parsed[0]);
    response.#more = { headers: headersOver(response.#list, true) };
    return response;
  }

  static json(data, init = undefined) {
    required(arguments.length, 1, "Response.json");
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError("Response.json: the value has no JSON");
    const response = new Response(null, init);
    if (NULL_BODY.has(response.#status)) {
      throw new TypeError(`Response.json: a response with status ${response.#status} has no body`);
    }
    response.#body = text;
    const list = response.#list;
    if (!hasName(list, "content-type")) list.push("content-type", "application/json");
    return response;
  }

  get type() {
    return this.#more?.type ?? "default";
  }

  get url() {
    return this.#more?.url ?? "";
  }

  get redirected() {
    return this.#more?.redirected ?? false;
  }

  get status() {
    return this.#status;
  }

  get ok() {
    return this.#status >= 200 && this.#status <= 299;
  }

  get statusText() {
    return this.#more?.statusText ?? "";
  }

  get headers() {
    this.#more ??= {};
    this.#more.headers ??= headersOver(this.#list, false);
    return this.#more.headers;
  }

  clone() {
    const body = this.#body;
    if (body instanceof Body && body.unusable) {
      throw new TypeError("Response.clone: the body has been read, or its stream is locked");
    }
    const copy = new Response();
    copy.#status = this.#status;
    copy.#list = this.#list.slice();
    copy.#body = body instanceof Body ? body.tee() : body;
    const { statusText, type, url, redirected } = this.#more ?? {};
    const isPlain = statusText === undefined && type === undefined;
    if (!isPlain) copy.#more = { statusText, type, url, redirected };
    return copy;
  }
}

expose("Response", Response);
