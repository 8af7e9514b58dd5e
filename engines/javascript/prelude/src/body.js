// https://fetch.spec.whatwg.org/#bodies

import { Blob, blobBytes } from "./blob.js";
import { FormData, formDataBytes, formDataFrom } from "./formdata.js";
import { mediaType } from "./mime.js";
import { ReadableStream, isDisturbed, readAll, streamOf } from "./streams.js";
import { URLSearchParams } from "./url.js";
import { bytesOf } from "./webidl.js";

/** The bodies of streams that were made from something that is known as a whole. */
const known = new WeakMap();

/**
 * A body that somebody has asked for. Until then a request or a response has only its source: a
 * string, bytes, or the number of the incoming request.
 */
export class Body {
  constructor(source, stream) {
    this.source = source;
    this.stream = stream;
    this.used = false;
  }

  get disturbed() {
    return this.used || (this.stream !== undefined && isDisturbed(this.stream));
  }

  get unusable() {
    return this.disturbed || (this.stream?.locked ?? false);
  }

  /** The stream, made when it is asked for. */
  open() {
    if (this.stream === undefined) {
      const { source } = this;
      this.stream = streamOf(() => sourceBytes(source));
      known.set(this.stream, source);
      if (this.used) {
        // Whoever looks finds a stream that has been read.
        this.stream.getReader().cancel();
      }
    }
    return this.stream;
  }

  /** Takes the source, or the stream where there is none. */
  take() {
    if (this.unusable) throw new TypeError("The body has already been read, or its stream is locked");
    this.used = true;
    if (this.stream === undefined || known.has(this.stream)) {
      // The stream ends without a word, as if it had been read.
      if (this.stream !== undefined) this.stream.getReader().cancel();
      return this.source;
    }
    return this.stream;
  }

  /** A second body with the same content (2.2.4, "clone"). */
  tee() {
    if (this.stream === undefined || known.has(this.stream)) return new Body(this.source, undefined);
    const [mine, other] = this.stream.tee();
    this.stream = mine;
    return new Body(undefined, other);
  }
}

/** The bytes of a source: at once, or as a promise for those of a stream. */
export function sourceBytes(source) {
  if (typeof source === "string") return native.utf8Encode(source);
  if (typeof source === "number") return new Uint8Array(native.body(source));
  if (source instanceof Uint8Array) return source;
  if (source instanceof Blob) return blobBytes(source);
  return readAll(source);
}

/** The stream of a body that was given to a constructor: its source if that is known. */
function streamBody(stream) {
  if (stream.locked || isDisturbed(stream)) {
    throw new TypeError("The stream of the body is locked or has been read");
  }
  return new Body(known.get(stream), stream);
}

/** The type of a string. */
export const TEXT = "text/plain;charset=UTF-8";

/** The type that a body brings along, found by `extract` last; undefined without one. */
export let extractedType;

/** The source of a body (5.2, "extract"); strings are the most frequent by far. */
export function extract(init) {
  if (typeof init === "string") {
    extractedType = TEXT;
    return init;
  }
  extractedType = undefined;
  if (typeof init === "object" || typeof init === "function") {
    if (init instanceof ReadableStream) return streamBody(init);
    const bytes = bytesOf(init);
    // The script may write into its bytes while they wait.
    if (bytes !== undefined) return bytes.slice();
    if (init instanceof Blob) {
      if (init.type !== "") extractedType = init.type;
      return new Body(init, undefined);
    }
    if (init instanceof URLSearchParams) {
      extractedType = "application/x-www-form-urlencoded;charset=UTF-8";
      return init.toString();
    }
    if (init instanceof FormData) {
      const { bytes, type } = formDataBytes(init);
      extractedType = type;
      return bytes;
    }
  }
  extractedType = TEXT;
  return `${init}`;
}

const nothing = new Uint8Array(0);

function textOf(source) {
  // As if it had been encoded and decoded, which drops a byte order mark.
  if (typeof source === "string") return source.toWellFormed().replace(/^\ufeff/, "");
  if (typeof source === "number") return native.bodyText(source);
  if (source === undefined) return "";
  const bytes = sourceBytes(source);
  return bytes instanceof Uint8Array
    ? native.utf8Decode(bytes, false, false)
    : bytes.then((all) => native.utf8Decode(all, false, false));
}

/** Bytes that belong to nobody else. */
function ownBytes(source) {
  if (source === undefined) return nothing.slice();
  const bytes = sourceBytes(source);
  if (!(bytes instanceof Uint8Array)) return bytes.then(own);
  return source === bytes || source instanceof Blob ? bytes.slice() : own(bytes);
}

function own(bytes) {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}

/**
 * Adds what Request and Response have in common. `bodyOf(object)` is its `Body`, undefined without
 * one; `typeOf(object)` its Content-Type.
 */
export function mixBody(Class, bodyOf, typeOf) {
  const take = (object) => bodyOf(object)?.take();
  class Mixin {
    get body() {
      return bodyOf(this)?.open() ?? null;
    }

    get bodyUsed() {
      return bodyOf(this)?.disturbed ?? false;
    }

    async arrayBuffer() {
      return (await ownBytes(take(this))).buffer;
    }

    async blob() {
      const bytes = await ownBytes(take(this));
      return new Blob([bytes], { type: mediaType(typeOf(this))?.text ?? "" });
    }

    async bytes() {
      return ownBytes(take(this));
    }

    async formData() {
      const type = typeOf(this);
      const source = take(this);
      return formDataFrom(await ownBytes(source), type);
    }

    async json() {
      return JSON.parse(await textOf(take(this)));
    }

    async text() {
      return textOf(take(this));
    }
  }
  const members = Object.getOwnPropertyDescriptors(Mixin.prototype);
  delete members.constructor;
  Object.defineProperties(Class.prototype, members);
}
