// https://w3c.github.io/webcrypto/: random numbers, digests, and HMAC.

import { INTERNAL, bytesOf, expose, hidden, illegal, required } from "./webidl.js";

const BLOCK_BITS = { "SHA-1": 512, "SHA-256": 512, "SHA-384": 1024, "SHA-512": 1024 };
const JWK_NAMES = { "SHA-1": "HS1", "SHA-256": "HS256", "SHA-384": "HS384", "SHA-512": "HS512" };
const USAGES = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"];
const INTEGERS = [
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
  BigInt64Array, BigUint64Array,
];
/** What one call of `getRandomValues` gives at most (10.1.1). */
const MAX_RANDOM_BYTES = 65_536;

function notSupported(what) {
  return new DOMException(`${what} is not supported`, "NotSupportedError");
}

/** Bytes that are the script's own as long as an operation takes. */
function input(data, what) {
  const bytes = bytesOf(data);
  if (bytes === undefined) throw new TypeError(`${what}: the data is no buffer`);
  return bytes;
}

/** The name of an algorithm, without regard to case (18.4.4). */
function algorithmName(algorithm, what) {
  const name = typeof algorithm === "string" ? algorithm : algorithm?.name;
  if (name === undefined) throw new TypeError(`${what}: the algorithm has no name`);
  return `${name}`.toUpperCase();
}

function hashName(hash, what) {
  const name = algorithmName(hash, what);
  if (!Object.hasOwn(BLOCK_BITS, name)) throw notSupported(`${what}: ${name}`);
  return name;
}

function hmacOnly(algorithm, what) {
  const name = algorithmName(algorithm, what);
  if (name !== "HMAC") throw notSupported(`${what}: ${name}`);
}

let keyBytes;

export class CryptoKey {
  #bytes;
  #algorithm;
  #extractable;
  #usages;

  constructor(internal, bytes, algorithm, extractable, usages) {
    if (internal !== INTERNAL) throw illegal();
    this.#bytes = bytes;
    this.#algorithm = algorithm;
    this.#extractable = extractable;
    this.#usages = usages;
  }

  static {
    keyBytes = (key, what) => {
      if (!(typeof key === "object" && key !== null && #bytes in key)) {
        throw new TypeError(`${what}: not a CryptoKey`);
      }
      return key.#bytes;
    };
  }

  get type() {
    void this.#bytes;
    return "secret";
  }

  get extractable() {
    return this.#extractable;
  }

  get algorithm() {
    return this.#algorithm;
  }

  get usages() {
    return this.#usages;
  }
}

expose("CryptoKey", CryptoKey);

/** The usages of a key for HMAC, in their order, each once. */
function usagesFrom(usages, what) {
  const given = [...usages].map((usage) => `${usage}`);
  for (const usage of given) {
    if (!USAGES.includes(usage)) throw new TypeError(`${what}: no such usage: ${usage}`);
  }
  if (given.some((usage) => usage !== "sign" && usage !== "verify")) {
    throw new DOMException(`${what}: a key for HMAC signs and verifies`, "SyntaxError");
  }
  if (given.length === 0) throw new DOMException(`${what}: the key has no usage`, "SyntaxError");
  return USAGES.filter((usage) => given.includes(usage));
}

function hmacKey(bytes, hash, length, extractable, usages) {
  const algorithm = { name: "HMAC", hash: { name: hash }, length };
  return new CryptoKey(INTERNAL, bytes, algorithm, Boolean(extractable), usages);
}

/** The bytes of a key in JSON (RFC 7517), after its other members have been checked. */
function fromJwk(jwk, hash, extractable, usages) {
  const refuse = (what) => new DOMException(`importKey: ${what}`, "DataError");
  if (typeof jwk !== "object" || jwk === null) throw new TypeError("importKey: not a JWK");
  if (jwk.kty !== "oct") throw refuse("kty is not oct");
  if (jwk.alg !== undefined && jwk.alg !== JWK_NAMES[hash]) throw refuse("alg is of another hash");
  if (jwk.use !== undefined && jwk.use !== "sig") throw refuse("use is not sig");
  if (jwk.key_ops !== undefined && !usages.every((usage) => jwk.key_ops.includes(usage))) {
    throw refuse("key_ops does not allow it");
  }
  if (jwk.ext === false && extractable) throw refuse("the key is not to be extracted");
  try {
    return Uint8Array.fromBase64(`${jwk.k}`, { alphabet: "base64url" });
  } catch {
    throw refuse("k is no base64url");
  }
}

export class SubtleCrypto {
  constructor(internal) {
    if (internal !== INTERNAL) throw illegal();
  }

  async digest(algorithm, data) {
    required(arguments.length, 2, "digest");
    return native.digest(hashName(algorithm, "digest"), input(data, "digest"));
  }

  async importKey(format, keyData, algorithm, extractable, usages) {
    required(arguments.length, 5, "importKey");
    hmacOnly(algorithm, "importKey");
    const hash = hashName(algorithm.hash, "importKey");
    const allowed = usagesFrom(usages, "importKey");
    let bytes;
    if (format === "raw" || format === "raw-secret") bytes = input(keyData, "importKey").slice();
    else if (format === "jwk") bytes = fromJwk(keyData, hash, extractable, allowed);
    else throw notSupported(`importKey: format ${format}`);
    const { length = bytes.length * 8 } = algorithm;
    if (bytes.length === 0) throw new DOMException("importKey: the key is empty", "DataError");
    if (length > bytes.length * 8 || length <= bytes.length * 8 - 8) {
      throw new DOMException("importKey: the key has another length", "DataError");
    }
    return hmacKey(bytes, hash, length, extractable, allowed);
  }

  async generateKey(algorithm, extractable, usages) {
    required(arguments.length, 3, "generateKey");
    hmacOnly(algorithm, "generateKey");
    const hash = hashName(algorithm.hash, "generateKey");
    const allowed = usagesFrom(usages, "generateKey");
    const { length = BLOCK_BITS[hash] } = algorithm;
    if (!(length > 0 && length <= 1 << 20)) {
      throw new DOMException("generateKey: invalid length", "OperationError");
    }
    const bytes = new Uint8Array(Math.ceil(length / 8));
    native.random(bytes);
    return hmacKey(bytes, hash, length, extractable, allowed);
  }

  async exportKey(format, key) {
    required(arguments.length, 2, "exportKey");
    const bytes = keyBytes(key, "exportKey");
    if (!key.extractable) {
      throw new DOMException("exportKey: the key is not extractable", "InvalidAccessError");
    }
    if (format === "raw" || format === "raw-secret") return bytes.slice().buffer;
    if (format !== "jwk") throw notSupported(`exportKey: format ${format}`);
    return {
      kty: "oct",
      k: bytes.toBase64({ alphabet: "base64url", omitPadding: true }),
      alg: JWK_NAMES[key.algorithm.hash.name],
      key_ops: [...key.usages],
      ext: true,
    };
  }

  async sign(algorithm, key, data) {
    required(arguments.length, 3, "sign");
    return mac("sign", algorithm, key, data);
  }

  async verify(algorithm, key, signature, data) {
    required(arguments.length, 4, "verify");
    const given = input(signature, "verify");
    return native.sameBytes(new Uint8Array(mac("verify", algorithm, key, data)), given);
  }

  /** Compares in a time that does not depend on the bytes; other servers have it too. */
  timingSafeEqual(a, b) {
    required(arguments.length, 2, "timingSafeEqual");
    const [left, right] = [input(a, "timingSafeEqual"), input(b, "timingSafeEqual")];
    if (left.length !== right.length) throw new TypeError("timingSafeEqual: the lengths differ");
    return native.sameBytes(left, right);
  }

  async encrypt(algorithm) {
    throw notSupported(`encrypt: ${algorithmName(algorithm, "encrypt")}`);
  }

  async decrypt(algorithm) {
    throw notSupported(`decrypt: ${algorithmName(algorithm, "decrypt")}`);
  }

  async deriveBits(algorithm) {
    throw notSupported(`deriveBits: ${algorithmName(algorithm, "deriveBits")}`);
  }

  async deriveKey(algorithm) {
    throw notSupported(`deriveKey: ${algorithmName(algorithm, "deriveKey")}`);
  }

  async wrapKey(format, key, wrappingKey, algorithm) {
    throw notSupported(`wrapKey: ${algorithmName(algorithm, "wrapKey")}`);
  }

  async unwrapKey(format, wrapped, key, algorithm) {
    throw notSupported(`unwrapKey: ${algorithmName(algorithm, "unwrapKey")}`);
  }
}

function mac(what, algorithm, key, data) {
  hmacOnly(algorithm, what);
  const bytes = keyBytes(key, what);
  if (!key.usages.includes(what)) {
    throw new DOMException(`${what}: the key is not for that`, "InvalidAccessError");
  }
  return native.hmac(key.algorithm.hash.name, bytes, input(data, what));
}

expose("SubtleCrypto", SubtleCrypto);

const subtle = new SubtleCrypto(INTERNAL);

export class Crypto {
  constructor(internal) {
    if (internal !== INTERNAL) throw illegal();
  }

  get subtle() {
    return subtle;
  }

  getRandomValues(array) {
    required(arguments.length, 1, "getRandomValues");
    if (!INTEGERS.some((Class) => array instanceof Class)) {
      throw new DOMException("getRandomValues: not an array of integers", "TypeMismatchError");
    }
    if (array.byteLength > MAX_RANDOM_BYTES) {
      throw new DOMException(`getRandomValues: more than ${MAX_RANDOM_BYTES} bytes`, "QuotaExceededError");
    }
    native.random(bytesOf(array));
    return array;
  }

  randomUUID() {
    const bytes = new Uint8Array(16);
    native.random(bytes);
    // RFC 9562, 5.4.
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = bytes.toHex();
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
}

expose("Crypto", Crypto);
hidden(globalThis, "crypto", new Crypto(INTERNAL));
