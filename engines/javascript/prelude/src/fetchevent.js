// https://w3c.github.io/ServiceWorker/#fetchevent-interface

import { Event } from "./events.js";
import { INTERNAL, expose, illegal, required } from "./webidl.js";

/** What `respondWith` was given; undefined if nobody has called it. */
export let answerOf;

export class FetchEvent extends Event {
  #request;
  #context;
  #answer;
  #isAnswered = false;

  constructor(type, init, request, context) {
    if (init !== INTERNAL) throw illegal();
    super(type, { cancelable: true });
    this.#request = request;
    this.#context = context;
  }

  static {
    answerOf = (event) => event.#answer;
  }

  get request() {
    return this.#request;
  }

  respondWith(response) {
    required(arguments.length, 1, "FetchEvent.respondWith");
    if (this.currentTarget === null) {
      throw new DOMException("respondWith comes too late: the event has been dispatched", "InvalidStateError");
    }
    if (this.#isAnswered) {
      throw new DOMException("respondWith has been called already", "InvalidStateError");
    }
    this.#isAnswered = true;
    this.#answer = response;
    this.stopImmediatePropagation();
  }

  waitUntil(promise) {
    this.#context.waitUntil(promise);
  }

  passThroughOnException() {
    this.#context.passThroughOnException();
  }
}

expose("FetchEvent", FetchEvent);
