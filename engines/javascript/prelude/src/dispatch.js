// From a request that comes in to its answer.

import { answered, contextOf, calls, isWaiting } from "./context.js";
import { dispatchTrusted, hasListeners, scope } from "./events.js";
import { FetchEvent, answerOf } from "./fetchevent.js";
import { report } from "./errors.js";
import { describe, inspect } from "./inspect.js";
import { abortIncoming, incoming } from "./request.js";
import { isResponse, send } from "./response.js";
import { chunkBytes } from "./streams.js";
import { INTERNAL } from "./webidl.js";

/** `export default` of the script: an object with a method `fetch`, or a function. */
let handler;
let owner;

/** The variables of a site, as the second argument of a handler. */
export const env = {};

/** Takes the default export of a script: what is wrong with it, or undefined. */
export function adopt(exported) {
  if (exported === undefined || exported === null) return undefined;
  if (typeof exported === "function" && typeof exported.fetch !== "function") {
    if (/^class\b/.test(Function.prototype.toString.call(exported))) {
      return "the default export is a class; export an instance of it, with `new`";
    }
    handler = exported;
    owner = undefined;
    return undefined;
  }
  const { fetch } = exported;
  if (typeof fetch !== "function") {
    return "the default export is neither a function nor an object with a method `fetch`";
  }
  handler = fetch;
  owner = exported;
  return undefined;
}

export function hasHandler() {
  return handler !== undefined || hasListeners(scope, "fetch");
}

/** Answers a request; this is all that happens for most of them. */
export function dispatch(id, method, url, hasBody) {
  const request = incoming(id, method, url, hasBody);
  const context = contextOf(id);
  let result;
  try {
    result =
      handler === undefined
        ? listen(request, context)
        : handler.call(owner, request, env, context);
  } catch (error) {
    native.fail(id, "exception", describe(error));
    return;
  }
  if (!isResponse(result)) {
    // An async function that waited for nothing has its result already.
    const now = native.fulfilled(result);
    if (!isResponse(now)) {
      later(id, request, context, result);
      return;
    }
    result = now;
  }
  const isHead = method === "HEAD";
  const waiting = isWaiting(context);
  let left;
  try {
    left = send(result, id, isHead, !waiting);
  } catch (error) {
    native.fail(id, "exception", describe(error));
    return;
  }
  if (left === undefined && !waiting) return;
  proceed(callOf(id, request, context), left);
}

/**
 * Answers a few requests that nobody has made, before there is a script: what the engine makes when
 * it is first used is then a part of every snapshot, and not made by every request.
 */
export function warm() {
  const handlers = [
    () => new Response("text"),
    async () => new Response("text", { status: 201, headers: { "x-a": "1" } }),
    (request, env, context) =>
      Response.json({
        path: new URL(request.url).pathname,
        accept: request.headers.get("accept"),
        params: context.params,
      }),
    async (request) => new Response(await request.text()),
  ];
  for (const each of handlers) {
    handler = each;
    dispatch(0, "GET", "http://localhost/", false);
  }
  handler = undefined;
  const listener = (event) => event.respondWith(new Response("text"));
  scope.addEventListener("fetch", listener);
  dispatch(0, "GET", "http://localhost/", false);
  scope.removeEventListener("fetch", listener);
}

/** Has the listeners of the scope answer, as a service worker does. */
function listen(request, context) {
  const event = new FetchEvent("fetch", INTERNAL, request, context);
  const errors = [];
  dispatchTrusted(scope, event, (error) => errors.push(error));
  const answer = answerOf(event);
  if (answer === undefined && errors.length > 0) throw errors[0];
  // The answer is given all the same, as by a service worker.
  for (const error of errors) report(error);
  return answer;
}

/** What is known of a request that goes on after `dispatch`. */
class Call {
  constructor(id, request, context) {
    this.id = id;
    this.request = request;
    this.context = context;
    /** The reader of the stream that is being sent. */
    this.reader = undefined;
    /** Goes on when the client has room again. */
    this.resume = undefined;
    this.cancelled = false;
  }
}

function callOf(id, request, context) {
  const call = new Call(id, request, context);
  calls.set(id, call);
  return call;
}

/** Waits for the response that a handler has promised. */
function later(id, request, context, result) {
  const call = callOf(id, request, context);
  const succeeded = (response) => settle(call, response);
  const failed = (error) => {
    if (!call.cancelled) fail(call, "exception", describe(error));
  };
  Promise.resolve(result).then(succeeded, failed);
}

function fail(call, kind, text) {
  calls.delete(call.id);
  native.fail(call.id, kind, text);
}

function settle(call, response) {
  const { id, request, context } = call;
  if (call.cancelled) {
    if (isResponse(response)) response.body?.cancel().catch(() => {});
    return;
  }
  if (!isResponse(response)) {
    fail(call, "response", noResponse(response));
    return;
  }
  const waiting = isWaiting(context);
  let left;
  try {
    left = send(response, id, request.method === "HEAD", !waiting);
  } catch (error) {
    fail(call, "exception", describe(error));
    return;
  }
  if (left === undefined && !waiting) calls.delete(id);
  else proceed(call, left);
}

function noResponse(value) {
  if (value === undefined && handler === undefined) return "no listener has called respondWith";
  return `the handler has returned no Response but ${inspect(value, 0)}`;
}

const UNUSABLE =
  "the body of the response has been used already or is locked, or it is Response.error()";

/** Goes on with a request whose head has been sent. */
function proceed(call, left) {
  if (left === undefined) answered(call.context);
  else if (left === false) fail(call, "response", UNUSABLE);
  else pump(call, left);
}

/** Sends a stream, chunk by chunk, as fast as the client takes it. */
async function pump(call, stream) {
  const { id } = call;
  const reader = stream.getReader();
  call.reader = reader;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (call.cancelled) return;
      if (done) break;
      const chunk = chunkBytes(value);
      if (chunk.length > 0 && !native.chunk(id, chunk)) {
        await new Promise((resolve) => {
          call.resume = resolve;
        });
        if (call.cancelled) return;
      }
    }
    native.end(id);
  } catch (error) {
    if (call.cancelled) return;
    native.abort(id, describe(error));
    reader.cancel(error).catch(() => {});
  }
  answered(call.context);
}

/** The client has room for more of a stream. */
export function drained(id) {
  const call = calls.get(id);
  const resume = call?.resume;
  if (resume === undefined) return;
  call.resume = undefined;
  resume();
}

/** The client is gone. */
export function cancelled(id) {
  const call = calls.get(id);
  if (call === undefined || call.cancelled) return;
  call.cancelled = true;
  const { reader, request, context } = call;
  abortIncoming(request);
  reader?.cancel(request.signal.reason).catch(() => {});
  drained(id);
  answered(context);
}
