// https://fetch.spec.whatwg.org/#fetch-method, as far as it is about a program that is no browser.

import { sourceBytes } from "./body.js";
import { hasName, valueIn, without } from "./headers.js";
import { Failure, abandon, outcome } from "./operations.js";
import { Request, outgoing } from "./request.js";
import { NULL_BODY, fetched } from "./response.js";
import { ReadableStream, chunkBytes } from "./streams.js";
import { operations, required } from "./webidl.js";

// Content codings that are undone, as the formats of DecompressionStream.
const FORMATS = { gzip: "gzip", "x-gzip": "gzip", deflate: "deflate" };

/** What is sent if the script says nothing of it. */
const DEFAULTS = { accept: "*/*", "user-agent": "wws" };

/** A call from its beginning to the end of both bodies. */
class Call {
  constructor(number, owner, signal) {
    this.number = number;
    this.owner = owner;
    this.signal = signal;
    /** Whether the answer is there whole, or never will be. */
    this.ended = false;
    /** Operations that are waited for: what is received, and what is sent. */
    this.receiving = number;
    this.sending = undefined;
    /** The reader of the body that is sent. */
    this.reader = undefined;
    /** The controller of the body that is received. */
    this.controller = undefined;
    this.codec = undefined;
    this.hasBegun = false;
    if (signal === undefined) return;
    this.listener = () => this.end(signal.reason);
    signal.addEventListener("abort", this.listener);
  }

  /** The answer is there; nothing can end it any more. */
  close() {
    this.ended = true;
    this.signal?.removeEventListener("abort", this.listener);
  }

  /** Ends it before its time. */
  end(reason) {
    if (this.ended) return;
    this.close();
    native.cancel(this.number);
    abandon(this.receiving, reason);
    if (this.sending !== undefined) abandon(this.sending, reason);
    this.controller?.error(reason);
    this.reader?.cancel(reason).catch(() => {});
  }

  /** The outcome of an operation that brings the answer. */
  async wait(number) {
    this.receiving = number;
    try {
      return await outcome(number, this.owner);
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      const error = networkError(failure);
      this.end(error);
      throw error;
    }
  }

  /** The next piece of the answer, decoded; undefined at its end. */
  async receive() {
    while (!this.ended) {
      const piece = await this.wait(native.receive(this.owner, this.number));
      const { codec } = this;
      if (piece === undefined) {
        this.close();
        if (codec === undefined || !this.hasBegun) return undefined;
        const rest = native.codecEnd(codec);
        return rest.length > 0 ? rest : undefined;
      }
      this.hasBegun = true;
      const bytes = codec === undefined ? piece : native.codecWrite(codec, piece);
      if (bytes.length > 0) return bytes;
    }
    return undefined;
  }

  /** Sends a stream, piece by piece, as fast as it is taken. */
  async send(stream) {
    const reader = stream.getReader();
    this.reader = reader;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        const piece = done ? null : chunkBytes(value);
        if (piece?.length === 0) continue;
        this.sending = native.send(this.owner, this.number, piece);
        await outcome(this.sending, this.owner);
        if (done) return;
      }
    } catch (error) {
      // A server that has answered wants no more of it.
      if (error instanceof Failure) reader.cancel(error.message).catch(() => {});
      else this.end(new TypeError("fetch: the body of the request broke off", { cause: error }));
    }
  }
}

function networkError({ code, message }) {
  const cause = Object.assign(new Error(message), { code });
  return new TypeError(`fetch: ${message}`, { cause });
}

/** The body of an answer, read as it is wanted. */
function bodyOf(call) {
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      call.controller = controller;
    },
    async pull(controller) {
      let piece;
      try {
        piece = await call.receive();
      } catch (error) {
        call.end(error);
        throw error;
      }
      if (piece !== undefined) {
        controller.enqueue(piece);
        return;
      }
      controller.close();
      // A reader with a buffer of its own waits for an answer even at the end.
      controller.byobRequest?.respond(0);
    },
    cancel(reason) {
      call.end(reason);
    },
  }, { highWaterMark: 0 });
}

/** Has the body of an answer decoded, unless the script has said itself what it accepts. */
function decode(call, list) {
  const format = FORMATS[valueIn(list, "content-encoding")?.trim().toLowerCase()];
  if (format === undefined) return list;
  call.codec = native.codec(format, false);
  return without(without(list, "content-encoding"), "content-length");
}

/** Begins a call whose request has these fields. */
function begin({ method, url, body, signal, settings }, fields) {
  const isStream = body instanceof ReadableStream;
  const isKnown = isStream || body === undefined || typeof body === "string";
  const sent = isStream ? true : isKnown ? body : sourceBytes(body);
  const owner = native.current();
  const number = native.fetch(owner, method, url, fields, sent, settings.redirect ?? "follow");
  const call = new Call(number, owner, signal);
  if (isStream) call.send(body);
  return call;
}

async function overHttp(request) {
  const { method, list } = request;
  const fields = list.slice();
  for (const [name, value] of Object.entries(DEFAULTS)) {
    if (!hasName(list, name)) fields.push(name, value);
  }
  const choosesCoding = hasName(list, "accept-encoding");
  if (!choosesCoding) fields.push("accept-encoding", "gzip");
  const call = begin(request, fields);
  const answer = await call.wait(call.number);
  if (method === "HEAD" || NULL_BODY.has(answer.status)) {
    call.close();
    native.cancel(call.number);
    return fetched(answer, undefined);
  }
  if (!choosesCoding) answer.headers = decode(call, answer.headers);
  return fetched(answer, bodyOf(call));
}

/** https://fetch.spec.whatwg.org/#data-url-processor */
function ofData(url) {
  const comma = url.indexOf(",");
  if (comma < 0) throw new TypeError("fetch: a data: URL has no comma");
  const [, type, base64] = /^(.*?)(; *base64)?$/is.exec(url.slice("data:".length, comma).trim());
  const decoded = url.slice(comma + 1).replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  let text;
  try {
    text = base64 === undefined ? decoded : atob(decoded);
  } catch {
    throw new TypeError("fetch: a data: URL is not base64");
  }
  const full = type === "" ? "text/plain;charset=US-ASCII" : type.startsWith(";") ? `text/plain${type}` : type;
  const answer = { status: 200, reason: "OK", url, redirected: false, headers: ["content-type", full] };
  return fetched(answer, Uint8Array.from(text, (char) => char.charCodeAt(0)));
}

function refuse(settings) {
  if (settings.integrity) throw new TypeError("fetch: `integrity` is not checked here; do without it");
  if (settings.cache === "only-if-cached") throw new TypeError("fetch: nothing is cached");
}

operations({
  async fetch(input, init = undefined) {
    required(arguments.length, 1, "fetch");
    if (native.snapshotting()) {
      throw new TypeError(
        "fetch: there are no calls to other servers at the top level of a script, which runs when " +
          "the site is bundled; make them while a request is answered",
      );
    }
    const call = outgoing(new Request(input, init));
    const { url, body, signal, settings } = call;
    if (signal?.aborted) {
      if (body instanceof ReadableStream) body.cancel(signal.reason).catch(() => {});
      throw signal.reason;
    }
    refuse(settings);
    if (url.startsWith("data:")) return ofData(url);
    if (url.startsWith("http:") || url.startsWith("https:")) return overHttp(call);
    throw new TypeError(`fetch: the scheme of ${url} is none of https, http and data`);
  },
});
