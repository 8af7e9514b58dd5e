import { bytes, collect, finish, isEngine, ok, same, test, throws } from "./assert.js";

await test("TextEncoder", () => {
  const encoder = new TextEncoder();
  same(encoder.encoding, "utf-8");
  same(encoder.encode("aé€😀"), bytes(97, 195, 169, 226, 130, 172, 240, 159, 152, 128));
  same(encoder.encode("\ud800x\udc00"), bytes(239, 191, 189, 120, 239, 191, 189));
  same(encoder.encode("a\0b"), bytes(97, 0, 98));
  same(encoder.encode(), bytes());
  same(encoder.encode(undefined), bytes());
  same(encoder.encode(12), bytes(49, 50));
  same(encoder.encode("x") instanceof Uint8Array, true);
});

await test("encodeInto", () => {
  const encoder = new TextEncoder();
  const into = (text, room) => {
    const target = new Uint8Array(room);
    const { read, written } = encoder.encodeInto(text, target);
    return [read, written, ...target];
  };
  same(into("abc", 5), [3, 3, 97, 98, 99, 0, 0]);
  same(into("é", 1), [0, 0, 0]);
  same(into("a😀b", 4), [1, 1, 97, 0, 0, 0]);
  same(into("a😀b", 5), [3, 5, 97, 240, 159, 152, 128]);
  same(into("abc", 0), [0, 0]);
  same(into("\ud800", 3), [1, 3, 239, 191, 189]);
  const part = new Uint8Array(6).subarray(2, 4);
  same(encoder.encodeInto("abc", part), { read: 2, written: 2 });
  same([...new Uint8Array(part.buffer)], [0, 0, 97, 98, 0, 0]);
  throws(TypeError, () => encoder.encodeInto("a", new Uint16Array(1)));
});

await test("TextDecoder: UTF-8", () => {
  const decode = (...values) => new TextDecoder().decode(bytes(...values));
  same(decode(97, 195, 169, 226, 130, 172, 240, 159, 152, 128), "aé€😀");
  same(decode(0xef, 0xbb, 0xbf, 97), "a");
  same(decode(0xff, 97, 0xc3), "\ufffda\ufffd");
  same(decode(0xf0, 0x9f, 0x98), "\ufffd");
  same(decode(0xed, 0xa0, 0x80), "\ufffd\ufffd\ufffd");
  same(decode(0xc0, 0x80), "\ufffd\ufffd");
  same(decode(0xe2, 0x82, 97), "\ufffda");
  same(decode(0xf4, 0x90, 0x80, 0x80), "\ufffd\ufffd\ufffd\ufffd");
  same(new TextDecoder().decode(), "");
  same(new TextDecoder("utf8", { ignoreBOM: true }).decode(bytes(0xef, 0xbb, 0xbf, 97)), "\ufeffa");
  same(new TextDecoder().decode(new Uint16Array([0x6261])), "ab");
  same(new TextDecoder().decode(bytes(97).buffer), "a");
  same(new TextDecoder().decode(new DataView(bytes(97, 98).buffer, 1)), "b");
  throws(TypeError, () => new TextDecoder().decode("a"));
  throws(TypeError, () => new TextDecoder().decode(null));
});

await test("TextDecoder: fatal", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  same(decoder.fatal, true);
  same(decoder.decode(bytes(97)), "a");
  throws(TypeError, () => decoder.decode(bytes(0xff)));
  throws(TypeError, () => decoder.decode(bytes(0xe2, 0x82)));
  same(decoder.decode(bytes(0xe2, 0x82), { stream: true }), "");
  same(decoder.decode(bytes(0xac)), "€");
  throws(TypeError, () => new TextDecoder("utf-16le", { fatal: true }).decode(bytes(1)));
  throws(TypeError, () => new TextDecoder("utf-16le", { fatal: true }).decode(bytes(0, 0xd8)));
});

await test("TextDecoder: streams, byte by byte", () => {
  const text = "a€😀é\ufffdz";
  const all = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  let decoded = "";
  for (const byte of all) decoded += decoder.decode(bytes(byte), { stream: true });
  same(decoded + decoder.decode(), text);
  const broken = new TextDecoder();
  same(broken.decode(bytes(0xe2, 0x82), { stream: true }), "");
  same(broken.decode(bytes(97), { stream: true }), "\ufffda");
  same(broken.decode(bytes(0xf0, 0x9f), { stream: true }), "");
  same(broken.decode(), "\ufffd");
  const marked = new TextDecoder();
  same(marked.decode(bytes(0xef, 0xbb), { stream: true }), "");
  same(marked.decode(bytes(0xbf, 97), { stream: true }), "a");
  same(marked.decode(bytes(0xef, 0xbb, 0xbf), { stream: true }), "\ufeff");
  same(marked.decode(), "");
  same(marked.decode(bytes(0xef, 0xbb, 0xbf, 98)), "b");
});

await test("TextDecoder: UTF-16", () => {
  same(new TextDecoder("utf-16").encoding, "utf-16le");
  same(new TextDecoder("utf-16le").decode(bytes(0xff, 0xfe, 97, 0, 0x3d, 0xd8, 0, 0xde)), "a😀");
  same(new TextDecoder("utf-16be").decode(bytes(0xfe, 0xff, 0, 97)), "a");
  same(new TextDecoder("utf-16le").decode(bytes(0, 0xd8, 97, 0)), "\ufffda");
  same(new TextDecoder("utf-16le").decode(bytes(97, 0, 98)), "a\ufffd");
  const decoder = new TextDecoder("utf-16le");
  let text = "";
  for (const byte of [0xff, 0xfe, 97, 0, 0x3d, 0xd8, 0, 0xde]) text += decoder.decode(bytes(byte), { stream: true });
  same(text + decoder.decode(), "a😀");
});

await test("TextDecoder: windows-1252 and labels", () => {
  for (const label of ["latin1", "ascii", "iso-8859-1", "windows-1252", " US-ASCII\n", "l1"]) {
    same(new TextDecoder(label).encoding, "windows-1252");
  }
  // Node.js 20 takes it for ISO-8859-1.
  if (isEngine) same(new TextDecoder("windows-1252").decode(bytes(0x80, 0x81, 0xe9, 0x99)), "€\x81é™");
  same(new TextDecoder(" UTF8 ").encoding, "utf-8");
  throws(RangeError, () => new TextDecoder("nothing"));
  throws(RangeError, () => new TextDecoder(""));
  throws(RangeError, () => new TextDecoder("utf-8\u00a0"));
});

await test("streams of text", async () => {
  const chunks = ["a", "\ud83d", "\ude00", "é", "\ud800"];
  const encoded = ReadableStream.from(chunks).pipeThrough(new TextEncoderStream());
  const parts = await collect(encoded);
  ok(parts.every((part) => part instanceof Uint8Array));
  same(new TextDecoder().decode(new Uint8Array(parts.flatMap((part) => [...part]))), "a😀é\ufffd");
  const bytewise = ReadableStream.from([...new TextEncoder().encode("x€y")].map((byte) => bytes(byte)));
  same((await collect(bytewise.pipeThrough(new TextDecoderStream()))).join("|"), "x|€|y");
  same(new TextEncoderStream().encoding, "utf-8");
  same(new TextDecoderStream("latin1").encoding, "windows-1252");
  same(new TextDecoderStream("utf-8", { fatal: true }).fatal, true);
});

await test("atob and btoa", () => {
  same(btoa("a\xff\0"), "Yf8A");
  same(btoa(""), "");
  same(btoa(12), "MTI=");
  same(atob("Yf8A"), "a\xff\0");
  same(atob(" Y\tW\nJ j "), "abc");
  same(atob("YQ"), "a");
  same(atob("YQ=="), "a");
  same(atob("YWI="), "ab");
  same(atob(""), "");
  for (const text of ["a", "YQ=", "Y===", "Y=Q=", "YQ==a", "é", "YW_j", "ab\xa0cd", "====", "YWJj="]) {
    throws("InvalidCharacterError", () => atob(text));
  }
  throws("InvalidCharacterError", () => btoa("€"));
  same(throws("InvalidCharacterError", () => btoa("€")).code, 5);
});

finish("encoding");
