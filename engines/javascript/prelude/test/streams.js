import { bytes, collect, finish, isEngine, ok, rejects, same, sleep, test, throws } from "./assert.js";

await test("ReadableStream: reading", async () => {
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue("a");
      controller.enqueue("b");
      controller.close();
    },
  });
  same(stream.locked, false);
  const reader = stream.getReader();
  same(stream.locked, true);
  throws(TypeError, () => stream.getReader());
  same(await reader.read(), { value: "a", done: false });
  same(await reader.read(), { value: "b", done: false });
  same((await reader.read()).done, true);
  await reader.closed;
  reader.releaseLock();
  same(stream.locked, false);
});

await test("ReadableStream: pulling and pressure", async () => {
  const pulls = [];
  const stream = new ReadableStream(
    {
      pull(controller) {
        pulls.push(controller.desiredSize);
        controller.enqueue(pulls.length);
      },
    },
    new CountQueuingStrategy({ highWaterMark: 2 }),
  );
  await sleep(1);
  same(pulls, [2, 1]);
  const reader = stream.getReader();
  await reader.read();
  await sleep(1);
  same(pulls.length, 3);
});

await test("ReadableStream: errors and cancelling", async () => {
  const error = new Error("x");
  const broken = new ReadableStream({
    start(controller) {
      controller.error(error);
    },
  });
  same((await rejects(Error, broken.getReader().read())) === error, true);
  let reason;
  const cancelled = new ReadableStream({
    cancel(value) {
      reason = value;
    },
  });
  await cancelled.cancel("why");
  same(reason, "why");
  const locked = new ReadableStream();
  locked.getReader();
  await rejects(TypeError, locked.cancel());
  await rejects(TypeError, async () => {
    for await (const _ of ReadableStream.from(7));
  });
});

await test("ReadableStream: from and iteration", async () => {
  same(await collect(ReadableStream.from(["a", Promise.resolve("b")])), ["a", "b"]);
  same(await collect(ReadableStream.from((async function* () {
    yield 1;
    yield 2;
  })())), [1, 2]);
  let cancelled = false;
  const stream = new ReadableStream({
    pull(controller) {
      controller.enqueue(1);
    },
    cancel() {
      cancelled = true;
    },
  });
  for await (const _ of stream) break;
  same(cancelled, true);
  const kept = ReadableStream.from([1, 2]);
  for await (const _ of kept.values({ preventCancel: true })) break;
  same(await collect(kept), [2]);
});

await test("ReadableStream: tee", async () => {
  const [a, b] = ReadableStream.from([1, 2]).tee();
  same([await collect(a), await collect(b)], [[1, 2], [1, 2]]);
});

await test("ReadableStream: bytes", async () => {
  const stream = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const { view } = controller.byobRequest ?? {};
      if (view === undefined) {
        controller.enqueue(bytes(1, 2, 3));
        return;
      }
      new Uint8Array(view.buffer, view.byteOffset, 2).set([7, 8]);
      controller.byobRequest.respond(2);
    },
  });
  const reader = stream.getReader({ mode: "byob" });
  const { value } = await reader.read(new Uint8Array(4));
  same(value, bytes(7, 8));
  reader.releaseLock();
  same((await stream.getReader().read()).value, bytes(1, 2, 3));
});

await test("WritableStream", async () => {
  const written = [];
  const stream = new WritableStream({
    write(chunk) {
      written.push(chunk);
    },
    close() {
      written.push("close");
    },
  });
  const writer = stream.getWriter();
  await writer.ready;
  same(writer.desiredSize, 1);
  writer.write(1);
  await writer.write(2);
  await writer.close();
  same(written, [1, 2, "close"]);
  if (isEngine) await rejects(TypeError, writer.write(3));
  const aborted = new WritableStream({
    abort(reason) {
      written.push(reason);
    },
  });
  await aborted.abort("no");
  same(written.at(-1), "no");
});

await test("TransformStream and pipes", async () => {
  const upper = new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk.toUpperCase());
    },
    flush(controller) {
      controller.enqueue("END");
    },
  });
  same(await collect(ReadableStream.from(["a", "b"]).pipeThrough(upper)), ["A", "B", "END"]);
  const seen = [];
  await ReadableStream.from([1, 2]).pipeTo(new WritableStream({ write: (chunk) => void seen.push(chunk) }));
  same(seen, [1, 2]);
  const controller = new AbortController();
  const endless = new ReadableStream({ pull: (to) => to.enqueue(1) });
  const piped = endless.pipeTo(new WritableStream({ write: () => sleep(1) }), { signal: controller.signal });
  controller.abort();
  await rejects("AbortError", piped);
  const identity = new TransformStream();
  const writer = identity.writable.getWriter();
  writer.write("x");
  writer.close();
  same(await collect(identity.readable), ["x"]);
});

await test("queuing strategies", () => {
  same(new ByteLengthQueuingStrategy({ highWaterMark: 5 }).size(bytes(1, 2)), 2);
  same(new CountQueuingStrategy({ highWaterMark: 5 }).size(), 1);
  same(new CountQueuingStrategy({ highWaterMark: 5 }).highWaterMark, 5);
});

await test("interfaces", () => {
  for (const name of ["ReadableStream", "WritableStream", "TransformStream", "ReadableStreamDefaultReader", "ReadableByteStreamController"]) {
    same(globalThis[name].name, name);
    same(Object.getOwnPropertyDescriptor(globalThis, name).enumerable, false);
  }
  same(Object.prototype.toString.call(new ReadableStream()), "[object ReadableStream]");
  throws(TypeError, () => new ReadableStreamDefaultController());
});

const gather = async (stream) => new Uint8Array((await collect(stream)).flatMap((chunk) => [...chunk]));

await test("compression: there and back", async () => {
  const text = "hello wws ".repeat(5000);
  const data = new TextEncoder().encode(text);
  for (const format of ["gzip", "deflate", "deflate-raw"]) {
    const packed = await gather(new Blob([data]).stream().pipeThrough(new CompressionStream(format)));
    ok(packed.length < 1000, `${format}: ${packed.length}`);
    const back = await gather(new Blob([packed]).stream().pipeThrough(new DecompressionStream(format)));
    same(new TextDecoder().decode(back) === text, true, format);
    // One byte at a time.
    const drops = ReadableStream.from([...packed].map((byte) => bytes(byte)));
    same((await gather(drops.pipeThrough(new DecompressionStream(format)))).length, data.length, format);
    const empty = await gather(new Blob([]).stream().pipeThrough(new CompressionStream(format)));
    same((await gather(new Blob([empty]).stream().pipeThrough(new DecompressionStream(format)))).length, 0);
  }
});

await test("compression: known bytes", async () => {
  const gzip = atob("H4sIAAAAAAAAA8tIzcnJBwCGphA2BQAAAA==");
  const data = Uint8Array.from(gzip, (char) => char.charCodeAt(0));
  same(new TextDecoder().decode(await gather(new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip")))), "hello");
});

// Node.js 20 throws other errors, or none.
if (isEngine) await test("compression: damage", async () => {
  const gather = (data, format) => new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream(format))).arrayBuffer();
  for (const format of ["gzip", "deflate", "deflate-raw"]) {
    const packed = new Uint8Array(await new Response(new Blob(["hello hello hello"]).stream().pipeThrough(new CompressionStream(format))).arrayBuffer());
    await gather(packed, format);
    for (let length = 0; length < packed.length; length++) await rejects(TypeError, gather(packed.slice(0, length), format));
    await rejects(TypeError, gather(new Uint8Array([...packed, 1]), format));
    const damaged = packed.slice();
    damaged[damaged.length - 6] ^= 0xff;
    if (format !== "deflate-raw") await rejects(TypeError, gather(damaged, format));
  }
  await rejects(TypeError, gather(bytes(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), "gzip"));
  throws(TypeError, () => new CompressionStream("br"));
  throws(TypeError, () => new CompressionStream());
  const { readable, writable } = new CompressionStream("gzip");
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  writer.ready.catch(() => {});
  const read = readable.getReader().read();
  await rejects(TypeError, writer.write("text"));
  await rejects(TypeError, read);
});

finish("streams");
