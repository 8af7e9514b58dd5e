// https://streams.spec.whatwg.org, as `web-streams-polyfill` has it.

import {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
} from "web-streams-polyfill";
import { expose } from "./webidl.js";

const classes = {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
};
for (const [name, Class] of Object.entries(classes)) expose(name, Class);

export { ReadableStream, TransformStream };

/** Whether somebody has read from a stream or cancelled it ("disturbed"). */
export function isDisturbed(stream) {
  return stream._disturbed;
}

/** A byte stream of bytes that `make` gives when they are wanted first. */
export function streamOf(make) {
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      const bytes = await make();
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
      // A reader with a buffer of its own waits for an answer even at the end.
      controller.byobRequest?.respond(0);
    },
  }, { highWaterMark: 0 });
}

/** A chunk of a body: a Uint8Array, or any other view for the sake of those who make them. */
export function chunkBytes(chunk) {
  if (chunk instanceof Uint8Array) return chunk;
  if (ArrayBuffer.isView(chunk)) {
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new TypeError("A chunk of a body is no Uint8Array");
}

/** All bytes of a stream. */
export async function readAll(stream) {
  const reader = stream.getReader();
  const chunks = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    let chunk;
    try {
      chunk = chunkBytes(value);
    } catch (error) {
      reader.cancel(error).catch(() => {});
      throw error;
    }
    chunks.push(chunk);
    length += chunk.length;
  }
  if (chunks.length === 1) return chunks[0];
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
