// What a handler is given besides its request, and what has to happen until a request is over.

import { describe } from "./inspect.js";
import { paramsOf } from "./request.js";
import { INTERNAL, illegal, required } from "./webidl.js";

const ERROR = 3;

/** One of the promises has come to an end. */
let settled;

/** The context of a request. */
export let contextOf;

/** Whether promises given to `waitUntil` are still pending. */
export let isWaiting;

/** The answer has been given: the request is over when nothing is waited for. */
export let answered;

/** Requests that go on after `dispatch`, by their number, until they are over. */
export const calls = new Map();

// This is given to every handler, and mostly nobody looks at it.
export class ExecutionContext {
  #id;
  /** How many promises are waited for; undefined as long as nobody has called `waitUntil`. */
  #pending;
  #answered;

  constructor(internal) {
    if (internal !== INTERNAL) throw illegal();
  }

  static {
    // The first one is made before the snapshot, as the first request is.
    let prepared = new ExecutionContext(INTERNAL);
    contextOf = (id) => {
      const context = prepared ?? new ExecutionContext(INTERNAL);
      prepared = undefined;
      context.#id = id;
      return context;
    };
    isWaiting = (context) => context.#pending > 0;
    const end = (context) => {
      if (context.#pending > 0 || !context.#answered) return;
      // A late `waitUntil` must not end it again.
      context.#answered = false;
      calls.delete(context.#id);
      native.done(context.#id);
    };
    answered = (context) => {
      context.#answered = true;
      end(context);
    };
    settled = (context) => {
      context.#pending--;
      end(context);
    };
  }

  get params() {
    return paramsOf(this.#id);
  }

  waitUntil(promise) {
    required(arguments.length, 1, "waitUntil");
    this.#pending = (this.#pending ?? 0) + 1;
    Promise.resolve(promise).then(
      () => settled(this),
      (error) => {
        native.log(ERROR, `In a promise given to waitUntil: ${describe(error)}`);
        settled(this);
      },
    );
  }

  /** There is no origin that could answer instead. */
  passThroughOnException() {
    void this.#id;
  }
}
