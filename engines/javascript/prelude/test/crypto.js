import { bytes, finish, isEngine, ok, rejects, same, test, throws } from "./assert.js";

const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const encode = (text) => new TextEncoder().encode(text);

await test("random values", () => {
  const array = crypto.getRandomValues(new Uint8Array(32));
  ok(array.some((byte) => byte !== 0));
  const words = new Uint32Array(4);
  ok(crypto.getRandomValues(words) === words);
  ok(words.some((word) => word !== 0));
  crypto.getRandomValues(new Uint8Array(0));
  throws("TypeMismatchError", () => crypto.getRandomValues(new Float32Array(1)));
  throws("QuotaExceededError", () => crypto.getRandomValues(new Uint8Array(65537)));
  const one = crypto.randomUUID();
  ok(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(one), one);
  ok(one !== crypto.randomUUID());
});

await test("Math.random", () => {
  const all = Array.from({ length: 1000 }, () => Math.random());
  ok(all.every((one) => one >= 0 && one < 1));
  ok(new Set(all).size > 990);
  const mean = all.reduce((sum, one) => sum + one) / 1000;
  ok(mean > 0.4 && mean < 0.6, `the mean ${mean}`);
  same(Math.random.name, "random");
});

await test("digests", async () => {
  const cases = {
    "SHA-1": "a9993e364706816aba3e25717850c26c9cd0d89d",
    "SHA-256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "SHA-384": "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
    "SHA-512": "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  };
  for (const [name, value] of Object.entries(cases)) {
    same(hex(await crypto.subtle.digest(name, encode("abc"))), value);
    same(hex(await crypto.subtle.digest({ name: name.toLowerCase() }, encode("abc").buffer)), value);
  }
  same(hex(await crypto.subtle.digest("SHA-256", bytes())), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  await rejects("NotSupportedError", crypto.subtle.digest("MD5", bytes()));
  await rejects(TypeError, crypto.subtle.digest("SHA-256", "text"));
});

await test("HMAC", async () => {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encode("key"), algorithm, true, ["verify", "sign"]);
  same([key.type, key.extractable, key.algorithm.name, key.algorithm.hash.name, key.algorithm.length], ["secret", true, "HMAC", "SHA-256", 24]);
  same([...key.usages].sort(), ["sign", "verify"]);
  const data = encode("The quick brown fox jumps over the lazy dog");
  const signature = await crypto.subtle.sign("HMAC", key, data);
  same(hex(signature), "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
  same(await crypto.subtle.verify("HMAC", key, signature, data), true);
  same(await crypto.subtle.verify({ name: "hmac" }, key, new Uint8Array(signature).slice(1), data), false);
  same(await crypto.subtle.verify("HMAC", key, new Uint8Array(32), data), false);
  same(new Uint8Array(await crypto.subtle.exportKey("raw", key)), encode("key"));
  const jwk = await crypto.subtle.exportKey("jwk", key);
  same([jwk.kty, jwk.k, jwk.alg, jwk.ext], ["oct", "a2V5", "HS256", true]);
  const back = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]);
  same(hex(await crypto.subtle.sign("HMAC", back, data)), hex(signature));
  if (isEngine) await rejects("InvalidAccessError", crypto.subtle.exportKey("raw", back));
  await rejects("InvalidAccessError", crypto.subtle.verify("HMAC", back, signature, data));
  for (const [hash, length] of [["SHA-1", 20], ["SHA-384", 48], ["SHA-512", 64]]) {
    const made = await crypto.subtle.generateKey({ name: "HMAC", hash: { name: hash } }, true, ["sign", "verify"]);
    same((await crypto.subtle.sign("HMAC", made, data)).byteLength, length);
    same(made.algorithm.length, hash === "SHA-1" ? 512 : 1024);
  }
});

await test("HMAC: refused", async () => {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  await rejects("SyntaxError", crypto.subtle.importKey("raw", encode("k"), algorithm, true, []));
  await rejects("SyntaxError", crypto.subtle.importKey("raw", encode("k"), algorithm, true, ["encrypt"]));
  await rejects("DataError", crypto.subtle.importKey("raw", bytes(), algorithm, true, ["sign"]));
  await rejects("DataError", crypto.subtle.importKey("jwk", { kty: "RSA" }, algorithm, true, ["sign"]));
  await rejects("DataError", crypto.subtle.importKey("jwk", { kty: "oct", k: "a2V5", alg: "HS512" }, algorithm, true, ["sign"]));
  await rejects("NotSupportedError", crypto.subtle.importKey("raw", encode("k"), { name: "HMAC", hash: "MD5" }, true, ["sign"]));
  if (isEngine) await rejects("NotSupportedError", crypto.subtle.importKey("raw", encode("k"), { name: "AES-GCM" }, true, ["encrypt"]));
  await rejects(TypeError, crypto.subtle.sign("HMAC", {}, bytes()));
  throws(TypeError, () => new CryptoKey());
  throws(TypeError, () => new SubtleCrypto());
  throws(TypeError, () => new Crypto());
});

await test("performance and navigator", () => {
  const first = performance.now();
  ok(first >= 0 && performance.now() >= first);
  ok(Math.abs(performance.timeOrigin + first - Date.now()) < 5000);
  ok(typeof performance.toJSON().timeOrigin === "number");
  if (isEngine) {
    same(navigator.userAgent, "wws");
    same(self === globalThis, true);
    for (const name of ["process", "require", "Buffer"]) same(typeof globalThis[name], "undefined");
  }
});

finish("crypto");
