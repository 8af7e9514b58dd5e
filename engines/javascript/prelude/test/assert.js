// A few assertions for scripts that run in the engine, and in Node.js to compare.

let count = 0;
let failures = 0;

/** Whether this is the engine and not Node.js, for what only one of them does. */
export const isEngine = typeof process === "undefined";

/** Runs a test and says if it fails. */
export async function test(name, body) {
  count++;
  try {
    await body();
  } catch (error) {
    failures++;
    console.error(`FAILED ${name}: ${error?.message ?? error}\n${error?.stack ?? ""}`);
  }
}

/** Says how it went; to be called last. */
export function finish(area) {
  const failed = failures;
  console.log(`${area}: ${count} tests, ${failed} failed`);
  count = 0;
  failures = 0;
  if (failed > 0) throw new Error(`${area}: ${failed} tests failed`);
}

function show(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint" || typeof value === "symbol") return value.toString();
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "object" && value !== null) {
    const text = ArrayBuffer.isView(value) ? `[${[...value].join()}]` : JSON.stringify(value);
    return `${value.constructor?.name} ${text}`;
  }
  return `${value}`;
}

/** Equal primitives, or arrays, views and objects that look the same. */
export function same(actual, expected, what = "") {
  if (Object.is(actual, expected)) return;
  const bothObjects = [actual, expected].every((value) => typeof value === "object" && value !== null);
  if (bothObjects && show(actual) === show(expected)) return;
  throw new Error(`${what} is ${show(actual)}, not ${show(expected)}`);
}

export function ok(value, what = "the value") {
  if (!value) throw new Error(`${what} is ${show(value)}`);
}

function check(error, kind) {
  const isKind = typeof kind === "string" ? error instanceof DOMException && error.name === kind : error instanceof kind;
  if (!isKind) throw new Error(`threw ${error?.name}: ${error?.message}, not ${kind.name ?? kind}\n${error?.stack}`);
  return error;
}

/** `kind` is a class, or the name of a DOMException. */
export function throws(kind, action) {
  let result;
  try {
    result = action();
  } catch (error) {
    return check(error, kind);
  }
  throw new Error(`threw nothing but gave ${show(result)}`);
}

export async function rejects(kind, promise) {
  let result;
  try {
    result = await (typeof promise === "function" ? promise() : promise);
  } catch (error) {
    return check(error, kind);
  }
  throw new Error(`was not rejected but fulfilled with ${show(result)}`);
}

export function sleep(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

export function bytes(...values) {
  return new Uint8Array(values);
}

/** Everything that a stream gives. */
export async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}
