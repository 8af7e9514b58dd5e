// https://dom.spec.whatwg.org/#events

import { constants, dictionary, expose, operations, required } from "./webidl.js";

/** Runs what `dispatchEvent` and the scope need and scripts must not reach. */
export let begin;
export let setTarget;
export let stopped;

export class Event {
  #type;
  #bubbles;
  #cancelable;
  #composed;
  #target = null;
  #current = null;
  #phase = 0;
  #stopped = 0;
  #prevented = false;
  #passive = false;
  #trusted = false;
  #time = native.monotonic();

  constructor(type, init = undefined) {
    required(arguments.length, 1, "Event");
    init = dictionary(init, "Event: the second argument");
    this.#type = `${type}`;
    this.#bubbles = Boolean(init.bubbles);
    this.#cancelable = Boolean(init.cancelable);
    this.#composed = Boolean(init.composed);
  }

  static {
    begin = (event, target, trusted) => {
      if (event.#phase !== 0) {
        throw new DOMException("The event is already being dispatched", "InvalidStateError");
      }
      event.#target = target;
      event.#trusted = trusted;
    };
    setTarget = (event, current, passive) => {
      event.#current = current;
      event.#phase = current === null ? 0 : 2;
      event.#passive = passive;
      if (current === null) event.#stopped = 0;
    };
    stopped = (event) => event.#stopped === 2;
  }

  get type() {
    return this.#type;
  }

  get target() {
    return this.#target;
  }

  get srcElement() {
    return this.#target;
  }

  get currentTarget() {
    return this.#current;
  }

  composedPath() {
    return this.#current === null ? [] : [this.#current];
  }

  get eventPhase() {
    return this.#phase;
  }

  stopPropagation() {
    if (this.#stopped === 0) this.#stopped = 1;
  }

  get cancelBubble() {
    return this.#stopped > 0;
  }

  set cancelBubble(value) {
    if (value) this.stopPropagation();
  }

  stopImmediatePropagation() {
    this.#stopped = 2;
  }

  get bubbles() {
    return this.#bubbles;
  }

  get cancelable() {
    return this.#cancelable;
  }

  get returnValue() {
    return !this.#prevented;
  }

  set returnValue(value) {
    if (!value) this.preventDefault();
  }

  preventDefault() {
    if (this.#cancelable && !this.#passive) this.#prevented = true;
  }

  get defaultPrevented() {
    return this.#prevented;
  }

  get composed() {
    return this.#composed;
  }

  get isTrusted() {
    return this.#trusted;
  }

  get timeStamp() {
    return this.#time;
  }

  initEvent(type, bubbles = false, cancelable = false) {
    required(arguments.length, 1, "Event.initEvent");
    if (this.#phase !== 0) return;
    this.#type = `${type}`;
    this.#bubbles = Boolean(bubbles);
    this.#cancelable = Boolean(cancelable);
    this.#prevented = false;
    this.#target = null;
  }
}

constants(Event, { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 });
expose("Event", Event);

/** What is done about an exception that a listener or a timer throws; `errors.js` says it. */
export let report;

export function reportWith(action) {
  report = action;
}

/**
 * Dispatches an event that the platform made: false if it was prevented. `failed` is given what
 * listeners throw, which is reported if there is none.
 */
export let dispatchTrusted;

/** Whether somebody listens. */
export let hasListeners;

/** What `addEventListener` of the global scope adds to. */
export let scope;

export class EventTarget {
  /** Lists of listeners by type, made with the first one. */
  #listeners;
  /** What events get as their target: the object itself, but for the global scope. */
  #face;

  static {
    dispatchTrusted = (target, event, failed = report) =>
      EventTarget.#dispatch(target, event, true, failed);
    hasListeners = (target, type) => (target.#listeners?.get(type)?.length ?? 0) > 0;
    scope = new EventTarget();
    scope.#face = globalThis;
  }

  addEventListener(type, callback, options = undefined) {
    required(arguments.length, 2, "EventTarget.addEventListener");
    const isObject = typeof options === "object" && options !== null;
    const capture = Boolean(isObject ? options.capture : options);
    const once = isObject && Boolean(options.once);
    const passive = isObject && Boolean(options.passive);
    const signal = isObject ? options.signal : undefined;
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new TypeError("EventTarget.addEventListener: signal is no AbortSignal");
    }
    if (callback === null || callback === undefined) return;
    if (typeof callback !== "function" && typeof callback !== "object") {
      throw new TypeError("EventTarget.addEventListener: the listener is not an object");
    }
    if (signal?.aborted) return;
    type = `${type}`;
    this.#listeners ??= new Map();
    let list = this.#listeners.get(type);
    if (list === undefined) this.#listeners.set(type, (list = []));
    if (list.some((known) => known.callback === callback && known.capture === capture)) return;
    const listener = { callback, capture, once, passive, removed: false };
    list.push(listener);
    signal?.addEventListener("abort", () => this.#remove(type, listener), { once: true });
  }

  removeEventListener(type, callback, options = undefined) {
    required(arguments.length, 2, "EventTarget.removeEventListener");
    const isObject = typeof options === "object" && options !== null;
    const capture = Boolean(isObject ? options.capture : options);
    type = `${type}`;
    const listener = this.#listeners
      ?.get(type)
      ?.find((known) => known.callback === callback && known.capture === capture);
    if (listener !== undefined) this.#remove(type, listener);
  }

  dispatchEvent(event) {
    required(arguments.length, 1, "EventTarget.dispatchEvent");
    if (!(event instanceof Event)) {
      throw new TypeError("EventTarget.dispatchEvent: the argument is no Event");
    }
    return EventTarget.#dispatch(this, event, false, report);
  }

  #remove(type, listener) {
    listener.removed = true;
    const list = this.#listeners.get(type);
    const place = list.indexOf(listener);
    if (place >= 0) list.splice(place, 1);
  }

  // 2.9; a target here has no parent, so that there is one list to call.
  static #dispatch(target, event, trusted, failed) {
    const face = target.#face ?? target;
    begin(event, face, trusted);
    const list = target.#listeners?.get(event.type);
    if (list !== undefined) {
      const now = list.slice();
      const inOrder = [...now.filter((one) => one.capture), ...now.filter((one) => !one.capture)];
      for (const listener of inOrder) {
        if (listener.removed) continue;
        if (stopped(event)) break;
        if (listener.once) target.#remove(event.type, listener);
        setTarget(event, face, listener.passive);
        call(listener.callback, face, event, failed);
      }
    }
    setTarget(event, null, false);
    return !event.defaultPrevented;
  }
}

function call(callback, target, event, failed) {
  try {
    if (typeof callback === "function") callback.call(target, event);
    else callback.handleEvent(event);
  } catch (error) {
    failed(error);
  }
}

expose("EventTarget", EventTarget);

const handlers = new WeakMap();

/**
 * Gives an object an attribute like `onabort` (HTML, 8.1.8.1). `run(handler, target, event)` calls
 * a handler whose call differs from that of a listener.
 */
export function handlerAttribute(object, type, targetOf = (self) => self, run = undefined) {
  const name = `on${type}`;
  const place = (self) => {
    const target = targetOf(self);
    if (!(target instanceof EventTarget)) throw new TypeError("Illegal invocation");
    if (!handlers.has(target)) handlers.set(target, {});
    return handlers.get(target);
  };
  Object.defineProperty(object, name, {
    enumerable: true,
    configurable: true,
    get() {
      return place(this)[name]?.handler ?? null;
    },
    set(value) {
      const all = place(this);
      const isHandler = typeof value === "function" || (typeof value === "object" && value !== null);
      if (!isHandler) {
        // Its listener goes too, and with it its place among the others ("deactivate").
        if (all[name] !== undefined) {
          targetOf(this).removeEventListener(type, all[name].listener);
          delete all[name];
        }
        return;
      }
      if (all[name] !== undefined) {
        all[name].handler = value;
        return;
      }
      const entry = { handler: value, listener: undefined };
      entry.listener = function (event) {
        const { handler } = entry;
        if (typeof handler !== "function") return;
        if (run !== undefined) run(handler, this, event);
        else if (handler.call(this, event) === false) event.preventDefault();
      };
      all[name] = entry;
      targetOf(this).addEventListener(type, entry.listener);
    },
  });
}

export class CustomEvent extends Event {
  #detail;

  constructor(type, init = undefined) {
    super(type, init);
    this.#detail = init?.detail ?? null;
  }

  get detail() {
    return this.#detail;
  }

  initCustomEvent(type, bubbles = false, cancelable = false, detail = null) {
    super.initEvent(type, bubbles, cancelable);
    this.#detail = detail;
  }
}

expose("CustomEvent", CustomEvent);

export class ErrorEvent extends Event {
  #init;

  constructor(type, init = undefined) {
    super(type, init);
    this.#init = {
      message: `${init?.message ?? ""}`,
      filename: `${init?.filename ?? ""}`,
      lineno: Number(init?.lineno ?? 0) >>> 0,
      colno: Number(init?.colno ?? 0) >>> 0,
      error: init?.error,
    };
  }

  get message() {
    return this.#init.message;
  }

  get filename() {
    return this.#init.filename;
  }

  get lineno() {
    return this.#init.lineno;
  }

  get colno() {
    return this.#init.colno;
  }

  get error() {
    return this.#init.error;
  }
}

expose("ErrorEvent", ErrorEvent);

export class PromiseRejectionEvent extends Event {
  #promise;
  #reason;

  constructor(type, init) {
    required(arguments.length, 2, "PromiseRejectionEvent");
    super(type, init);
    if (typeof init?.promise !== "object" || init.promise === null) {
      throw new TypeError("PromiseRejectionEvent: promise is missing");
    }
    this.#promise = init.promise;
    this.#reason = init.reason;
  }

  get promise() {
    return this.#promise;
  }

  get reason() {
    return this.#reason;
  }
}

expose("PromiseRejectionEvent", PromiseRejectionEvent);

export class MessageEvent extends Event {
  #init;

  constructor(type, init = undefined) {
    super(type, init);
    this.#init = {
      data: init?.data === undefined ? null : init.data,
      origin: `${init?.origin ?? ""}`,
      lastEventId: `${init?.lastEventId ?? ""}`,
      source: init?.source ?? null,
      ports: Object.freeze([...(init?.ports ?? [])]),
    };
  }

  get data() {
    return this.#init.data;
  }

  get origin() {
    return this.#init.origin;
  }

  get lastEventId() {
    return this.#init.lastEventId;
  }

  get source() {
    return this.#init.source;
  }

  get ports() {
    return this.#init.ports;
  }
}

expose("MessageEvent", MessageEvent);

operations({
  addEventListener(type, callback, options = undefined) {
    scope.addEventListener(type, callback, options);
  },
  removeEventListener(type, callback, options = undefined) {
    scope.removeEventListener(type, callback, options);
  },
  dispatchEvent(event) {
    return scope.dispatchEvent(event);
  },
});
