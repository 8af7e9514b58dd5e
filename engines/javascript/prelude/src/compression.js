// https://compression.spec.whatwg.org

import { TransformStream } from "./streams.js";
import { bytesOf, expose, required } from "./webidl.js";

function transformer(name, count, format, compress) {
  required(count, 1, name);
  format = `${format}`;
  if (format !== "gzip" && format !== "deflate" && format !== "deflate-raw") {
    throw new TypeError(`${name}: unsupported format: ${JSON.stringify(format)}`);
  }
  const codec = native.codec(format, compress);
  const give = (controller, bytes) => {
    if (bytes.length > 0) controller.enqueue(bytes);
  };
  return new TransformStream({
    transform(chunk, controller) {
      const bytes = bytesOf(chunk);
      if (bytes === undefined) throw new TypeError(`${name}: a chunk is no buffer`);
      give(controller, native.codecWrite(codec, bytes));
    },
    flush(controller) {
      give(controller, native.codecEnd(codec));
    },
  });
}

export class CompressionStream {
  #transform;

  constructor(format) {
    this.#transform = transformer("CompressionStream", arguments.length, format, true);
  }

  get readable() {
    return this.#transform.readable;
  }

  get writable() {
    return this.#transform.writable;
  }
}

expose("CompressionStream", CompressionStream);

export class DecompressionStream {
  #transform;

  constructor(format) {
    this.#transform = transformer("DecompressionStream", arguments.length, format, false);
  }

  get readable() {
    return this.#transform.readable;
  }

  get writable() {
    return this.#transform.writable;
  }
}

expose("DecompressionStream", DecompressionStream);
