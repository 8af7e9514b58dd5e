// What a handler is given besides its request, and what has to happen until a request is over.

import { describe } from "./inspect.js";
import { paramsOf } from "./request.js";
import { INTERNAL, illegal, required } from "./webidl.js";

const ERROR = 3;

/** The context of a request. */
export const contextOf = (id) => new ExecutionContext(INTERNAL, id);

/** Whether promises given to `waitUntil` are still pending. */
export let isWaiting;

/** The answer has been given: the request is over when nothing is waited for. */
export let answered;

/** `contexts` knows a request that does not end within `dispatch` as long as it is not over. */
export const contexts = new Map();

// This is made for every request.
export class ExecutionContext {
  #id;
  /** How many promises are waited for. */
  #pending;
  #answered;

  constructor(internal, id) {
    if (internal !== INTERNAL) throw illegal();
    this.#id = id;
    this.#pending = 0;
    this.#answered = false;
  }

  static {
    isWaiting = (context) => context.#pending > 0;
    answered = (context) => {
      context.#answered = true;
      context.#end();
    };
  }

  get params() {
    return paramsOf(this.#id);
  }

  waitUntil(promise) {
    required(arguments.length, 1, "waitUntil");
    this.#pending++;
    const settled = () => {
      this.#pending--;
      if (this.#answered) this.#end();
    };
    Promise.resolve(promise).then(settled, (error) => {
      native.log(ERROR, `In a promise given to waitUntil: ${describe(error)}`);
      settled();
    });
  }

  /** There is no origin that could answer instead. */
  passThroughOnException() {
    void this.#id;
  }

  #end() {
    if (this.#pending > 0) return;
    contexts.delete(this.#id);
    native.done(this.#id);
  }
}
