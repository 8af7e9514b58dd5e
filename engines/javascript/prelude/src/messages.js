// https://html.spec.whatwg.org/#message-channels

import { cloneWith, transferable } from "./clone.js";
import { EventTarget, MessageEvent, dispatchTrusted, handlerAttribute } from "./events.js";
import { start } from "./timers.js";
import { INTERNAL, expose, illegal, required } from "./webidl.js";

/** Two ports of which each sends to the other. */
let entangle;

/** The messages of a port, which stay together when the port is transferred. */
class Queue {
  constructor() {
    this.port = undefined;
    this.other = undefined;
    this.messages = [];
    this.started = false;
  }

  /** Has the first message delivered as a task of its own. */
  deliver() {
    start(() => {
      if (!this.started) return;
      const message = this.messages.shift();
      if (message === undefined) return;
      dispatchTrusted(this.port, new MessageEvent("message", message));
    }, 0);
  }
}

export class MessagePort extends EventTarget {
  /** Undefined once it is closed or transferred. */
  #queue;

  constructor(internal, queue) {
    if (internal !== INTERNAL) throw illegal();
    super();
    this.#queue = queue;
    queue.port = this;
  }

  static {
    entangle = () => {
      const [a, b] = [new Queue(), new Queue()];
      a.other = b;
      b.other = a;
      return [new MessagePort(INTERNAL, a), new MessagePort(INTERNAL, b)];
    };
    transferable(this, (port, refuse) => {
      if (port.#queue === undefined) throw refuse("A closed MessagePort");
      return () => {
        const queue = port.#queue;
        port.#queue = undefined;
        queue.started = false;
        return new MessagePort(INTERNAL, queue);
      };
    });
  }

  postMessage(message, options = undefined) {
    required(arguments.length, 1, "MessagePort.postMessage");
    const isList = typeof options?.[Symbol.iterator] === "function";
    const transfer = [...(isList ? options : (options?.transfer ?? []))];
    if (transfer.includes(this)) {
      throw new DOMException("A port cannot be sent through itself", "DataCloneError");
    }
    const { clone, moved } = cloneWith(message, transfer);
    const other = this.#queue?.other;
    if (other === undefined) return;
    other.messages.push({ data: clone, ports: moved.filter((one) => one instanceof MessagePort) });
    if (other.started) other.deliver();
  }

  start() {
    const queue = this.#queue;
    if (queue === undefined || queue.started) return;
    queue.started = true;
    for (const _ of queue.messages) queue.deliver();
  }

  close() {
    const queue = this.#queue;
    if (queue === undefined) return;
    this.#queue = undefined;
    queue.started = false;
    if (queue.other !== undefined) queue.other.other = undefined;
  }
}

handlerAttribute(MessagePort.prototype, "message");
handlerAttribute(MessagePort.prototype, "messageerror");

// The first handler starts the port (9.4.4).
const { get, set } = Object.getOwnPropertyDescriptor(MessagePort.prototype, "onmessage");
Object.defineProperty(MessagePort.prototype, "onmessage", {
  get,
  set(value) {
    set.call(this, value);
    this.start();
  },
});

expose("MessagePort", MessagePort);

export class MessageChannel {
  #ports = entangle();

  get port1() {
    return this.#ports[0];
  }

  get port2() {
    return this.#ports[1];
  }
}

expose("MessageChannel", MessageChannel);
