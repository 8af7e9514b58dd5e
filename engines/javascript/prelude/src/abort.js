// https://dom.spec.whatwg.org/#aborting-ongoing-activities

import { EventTarget, Event, dispatchTrusted, handlerAttribute } from "./events.js";
import { start } from "./timers.js";
import { INTERNAL, expose, illegal, required } from "./webidl.js";

/** A signal that has not been aborted. */
export const newSignal = () => new AbortSignal(INTERNAL);

/** Aborts a signal (3.2, "signal abort"). */
export let abort;

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason = undefined;
  /** The signals that `AbortSignal.any` made from this one, and those that it made this one from. */
  #dependents;
  #sources;

  constructor(internal) {
    if (internal !== INTERNAL) throw illegal();
    super();
  }

  static {
    abort = (signal, reason) => {
      if (signal.#aborted) return;
      const all = [signal, ...(signal.#dependents ?? [])].filter((one) => !one.#aborted);
      // All of them are aborted before the first listener runs.
      for (const one of all) {
        one.#aborted = true;
        one.#reason = reason === undefined ? new DOMException("This operation was aborted", "AbortError") : reason;
        reason = one.#reason;
      }
      for (const one of all) dispatchTrusted(one, new Event("abort"));
    };
  }

  static abort(reason = undefined) {
    const signal = newSignal();
    abort(signal, reason);
    return signal;
  }

  static timeout(milliseconds) {
    required(arguments.length, 1, "AbortSignal.timeout");
    milliseconds = Number(milliseconds);
    if (!(milliseconds >= 0 && milliseconds <= Number.MAX_SAFE_INTEGER)) {
      throw new TypeError("AbortSignal.timeout: not a number of milliseconds");
    }
    const signal = newSignal();
    start(() => {
      abort(signal, new DOMException("The operation timed out", "TimeoutError"));
    }, milliseconds);
    return signal;
  }

  static any(signals) {
    required(arguments.length, 1, "AbortSignal.any");
    const sources = [...signals];
    for (const source of sources) {
      if (!(typeof source === "object" && source !== null && #aborted in source)) {
        throw new TypeError("AbortSignal.any: not all of them are signals");
      }
    }
    const signal = newSignal();
    const aborted = sources.find((source) => source.#aborted);
    if (aborted !== undefined) {
      signal.#aborted = true;
      signal.#reason = aborted.#reason;
      return signal;
    }
    const roots = new Set(sources.flatMap((source) => (source.#sources ? [...source.#sources] : [source])));
    signal.#sources = roots;
    for (const root of roots) (root.#dependents ??= new Set()).add(signal);
    return signal;
  }

  get aborted() {
    return this.#aborted;
  }

  get reason() {
    return this.#reason;
  }

  throwIfAborted() {
    if (this.#aborted) throw this.#reason;
  }
}

handlerAttribute(AbortSignal.prototype, "abort");
expose("AbortSignal", AbortSignal);

export class AbortController {
  #signal = newSignal();

  get signal() {
    return this.#signal;
  }

  abort(reason = undefined) {
    abort(this.#signal, reason);
  }
}

expose("AbortController", AbortController);
