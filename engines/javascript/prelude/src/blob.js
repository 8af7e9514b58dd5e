// https://w3c.github.io/FileAPI/

import { streamOf } from "./streams.js";
import { INTERNAL, bytesOf, dictionary, expose, required, usv } from "./webidl.js";

/** The bytes of a blob, to be read only. */
export let blobBytes;

function concatenated(parts) {
  if (parts.length === 1) return parts[0];
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function normalType(type) {
  type = `${type ?? ""}`;
  return /[^ -~]/.test(type) ? "" : type.toLowerCase();
}

export class Blob {
  #bytes;
  #type;

  constructor(parts = undefined, options = undefined) {
    if (parts === INTERNAL) return;
    if (parts === undefined) parts = [];
    if ((typeof parts !== "object" && typeof parts !== "function") || parts === null ||
      typeof parts[Symbol.iterator] !== "function") {
      throw new TypeError("Blob: the first argument is not a sequence");
    }
    options = dictionary(options, "Blob: the second argument");
    const endings = options.endings === undefined ? "transparent" : `${options.endings}`;
    if (endings !== "transparent" && endings !== "native") {
      throw new TypeError(`Blob: no such line endings: ${endings}`);
    }
    const list = [];
    for (const part of parts) {
      if (typeof part === "object" && part !== null && #bytes in part) {
        list.push(part.#bytes);
        continue;
      }
      const bytes = bytesOf(part);
      if (bytes !== undefined) {
        list.push(bytes.slice());
        continue;
      }
      const text = usv(part);
      list.push(native.utf8Encode(endings === "native" ? text.replace(/\r\n?/g, "\n") : text));
    }
    this.#bytes = concatenated(list);
    this.#type = normalType(options.type);
  }

  static {
    blobBytes = (blob) => blob.#bytes;
  }

  get size() {
    return this.#bytes.length;
  }

  get type() {
    return this.#type;
  }

  slice(start = 0, end = this.size, type = "") {
    const { length } = this.#bytes;
    const place = (at) => {
      const whole = Math.trunc(Number(at)) || 0;
      return whole < 0 ? Math.max(length + whole, 0) : Math.min(whole, length);
    };
    const from = place(start);
    const blob = new Blob(INTERNAL);
    // Nobody writes into the bytes of a blob: both may have the same.
    blob.#bytes = this.#bytes.subarray(from, Math.max(from, place(end)));
    blob.#type = normalType(type);
    return blob;
  }

  stream() {
    const bytes = this.#bytes;
    return streamOf(() => bytes.slice());
  }

  async text() {
    return native.utf8Decode(this.#bytes, false, false);
  }

  async arrayBuffer() {
    return this.#bytes.slice().buffer;
  }

  async bytes() {
    return this.#bytes.slice();
  }
}

expose("Blob", Blob);

export class File extends Blob {
  #name;
  #lastModified;

  constructor(parts, name, options = undefined) {
    required(arguments.length, 2, "File");
    super(parts, options);
    this.#name = usv(name);
    const modified = options?.lastModified;
    this.#lastModified = modified === undefined ? Date.now() : Math.trunc(Number(modified)) || 0;
  }

  get name() {
    return this.#name;
  }

  get lastModified() {
    return this.#lastModified;
  }
}

expose("File", File);
