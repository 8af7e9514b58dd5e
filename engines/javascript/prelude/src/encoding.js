// https://encoding.spec.whatwg.org/#api

import { TransformStream } from "./streams.js";
import { bytesOf, dictionary, expose, required } from "./webidl.js";

const LABELS = new Map();
for (const [name, labels] of [
  ["utf-8", "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8"],
  ["utf-16le", "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le"],
  ["utf-16be", "unicodefffe utf-16be"],
  [
    "windows-1252",
    "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 " +
      "iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252",
  ],
]) {
  for (const label of labels.split(" ")) LABELS.set(label, name);
}

export class TextEncoder {
  #self = true;

  get encoding() {
    void this.#self;
    return "utf-8";
  }

  encode(input = "") {
    void this.#self;
    return native.utf8Encode(`${input}`);
  }

  encodeInto(source, destination) {
    required(arguments.length, 2, "TextEncoder.encodeInto");
    void this.#self;
    if (!(destination instanceof Uint8Array)) {
      throw new TypeError("TextEncoder.encodeInto: the second argument is no Uint8Array");
    }
    const [read, written] = native.utf8EncodeInto(`${source}`, destination);
    return { read, written };
  }
}

expose("TextEncoder", TextEncoder);

const none = new Uint8Array(0);

export class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;
  /** The last bytes of a stream, which may be the beginning of a character. */
  #rest = none;
  /** Whether a stream is past the place where a byte order mark may stand. */
  #begun = false;

  constructor(label = "utf-8", options = undefined) {
    const name = LABELS.get(`${label}`.replace(/^[\t\n\f\r ]+|[\t\n\f\r ]+$/g, "").toLowerCase());
    if (name === undefined) throw new RangeError(`TextDecoder: unknown encoding: ${JSON.stringify(`${label}`)}`);
    options = dictionary(options, "TextDecoder: the second argument");
    this.#encoding = name;
    this.#fatal = Boolean(options.fatal);
    this.#ignoreBOM = Boolean(options.ignoreBOM);
  }

  get encoding() {
    return this.#encoding;
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(input = undefined, options = undefined) {
    const stream = Boolean(dictionary(options, "TextDecoder.decode: the second argument").stream);
    let bytes = input === undefined ? none : bytesOf(input);
    if (bytes === undefined) throw new TypeError("TextDecoder.decode: the first argument is no buffer");
    if (this.#encoding === "windows-1252") return native.windows1252Decode(bytes);
    if (this.#rest.length > 0) {
      const joined = new Uint8Array(this.#rest.length + bytes.length);
      joined.set(this.#rest);
      joined.set(bytes, this.#rest.length);
      bytes = joined;
      this.#rest = none;
    }
    if (stream) {
      const end = bytes.length - this.#incomplete(bytes);
      this.#rest = bytes.slice(end);
      bytes = bytes.subarray(0, end);
    }
    const keepMark = this.#ignoreBOM || this.#begun;
    this.#begun = stream && (this.#begun || bytes.length > 0);
    const text = this.#text(bytes, keepMark);
    if (text === undefined) {
      this.#rest = none;
      this.#begun = false;
      throw new TypeError(`The data is not valid ${this.#encoding}`);
    }
    return text;
  }

  #incomplete(bytes) {
    if (this.#encoding === "utf-8") return native.utf8Incomplete(bytes);
    const odd = bytes.length % 2;
    const last = bytes[bytes.length - odd - (this.#encoding === "utf-16le" ? 1 : 2)];
    // The first half of a pair waits for the second.
    return last >= 0xd8 && last <= 0xdb ? odd + 2 : odd;
  }

  #text(bytes, keepMark) {
    if (this.#encoding === "utf-8") return native.utf8Decode(bytes, this.#fatal, keepMark);
    const text = native.utf16Decode(bytes, this.#encoding === "utf-16be", this.#fatal);
    return !keepMark && text?.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  }
}

expose("TextDecoder", TextDecoder);

export class TextEncoderStream {
  #transform;

  constructor() {
    // Half of a pair at the end of a chunk waits for the other half (7.3).
    let half = "";
    this.#transform = new TransformStream({
      transform(chunk, controller) {
        let text = half + `${chunk}`;
        half = "";
        const last = text.charCodeAt(text.length - 1);
        if (last >= 0xd800 && last <= 0xdbff) {
          half = text.slice(-1);
          text = text.slice(0, -1);
        }
        if (text !== "") controller.enqueue(native.utf8Encode(text));
      },
      flush(controller) {
        if (half !== "") controller.enqueue(native.utf8Encode(half));
      },
    });
  }

  get encoding() {
    void this.#transform;
    return "utf-8";
  }

  get readable() {
    return this.#transform.readable;
  }

  get writable() {
    return this.#transform.writable;
  }
}

expose("TextEncoderStream", TextEncoderStream);

export class TextDecoderStream {
  #decoder;
  #transform;

  constructor(label = "utf-8", options = undefined) {
    const decoder = new TextDecoder(label, options);
    this.#decoder = decoder;
    this.#transform = new TransformStream({
      transform(chunk, controller) {
        const text = decoder.decode(chunk ?? null, { stream: true });
        if (text !== "") controller.enqueue(text);
      },
      flush(controller) {
        const text = decoder.decode();
        if (text !== "") controller.enqueue(text);
      },
    });
  }

  get encoding() {
    return this.#decoder.encoding;
  }

  get fatal() {
    return this.#decoder.fatal;
  }

  get ignoreBOM() {
    return this.#decoder.ignoreBOM;
  }

  get readable() {
    return this.#transform.readable;
  }

  get writable() {
    return this.#transform.writable;
  }
}

expose("TextDecoderStream", TextDecoderStream);
