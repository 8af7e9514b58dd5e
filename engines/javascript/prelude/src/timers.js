// https://html.spec.whatwg.org/#timers

import { report } from "./events.js";
import { operations, required } from "./webidl.js";

/** A binary heap of timers, the next one first. A timer that was cleared stays until it is on top. */
const heap = [];
/** Timers by the number that scripts know. */
const byId = new Map();
let lastId = 0;
let lastStart = 0;
/** What the host was told last. */
let told = Infinity;

function before(a, b) {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}

function push(timer) {
  let at = heap.length;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(timer, heap[parent])) break;
    heap[at] = heap[parent];
    at = parent;
  }
  heap[at] = timer;
}

function pop() {
  const last = heap.pop();
  const { length } = heap;
  if (length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= length) break;
    if (child + 1 < length && before(heap[child + 1], heap[child])) child++;
    if (!before(heap[child], last)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = last;
}

/** Tells the host when the earliest timer is due, if that has changed. */
function tell() {
  while (heap.length > 0 && heap[0].cleared) pop();
  const due = heap.length === 0 ? Infinity : heap[0].due;
  if (due !== told) {
    told = due;
    native.wake(due);
  }
}

function schedule(timer, delay) {
  timer.due = native.monotonic() + delay;
  timer.order = ++lastStart;
  push(timer);
}

/** Starts a timer of the platform's own. */
export function start(callback, delay) {
  const owner = native.current();
  schedule({ callback, args: [], every: undefined, id: 0, due: 0, order: 0, cleared: false, owner }, delay);
  tell();
}

/**
 * Runs one timer that is due. It is called again while one is, and between two of them promises
 * have their turn, as each timer is a task of its own.
 */
export function runTimers() {
  tell();
  const timer = heap[0];
  if (timer === undefined || timer.due > native.monotonic()) return;
  pop();
  const { callback, args, every, owner } = timer;
  native.causedBy(owner);
  if (every === undefined) byId.delete(timer.id);
  try {
    callback.apply(globalThis, args);
  } catch (error) {
    report(error);
  }
  if (every !== undefined && !timer.cleared) schedule(timer, every);
  tell();
}

function add(callback, delay, args, repeats, name) {
  if (typeof callback !== "function") throw new TypeError(`${name}: the first argument is not a function`);
  // A delay is a long (Web IDL), so that what does not fit into 31 bits runs at once.
  delay = Math.max(0, delay | 0);
  const id = ++lastId;
  // An interval of nothing would leave no time for anything else.
  const every = repeats ? Math.max(1, delay) : undefined;
  const timer = { callback, args, every, id, due: 0, order: 0, cleared: false, owner: native.current() };
  byId.set(id, timer);
  schedule(timer, every ?? delay);
  tell();
  return id;
}

function clear(id) {
  id |= 0;
  const timer = byId.get(id);
  if (timer === undefined) return;
  byId.delete(id);
  timer.cleared = true;
  tell();
}

operations({
  setTimeout(callback, delay = 0, ...args) {
    required(arguments.length, 1, "setTimeout");
    return add(callback, delay, args, false, "setTimeout");
  },
  setInterval(callback, delay = 0, ...args) {
    required(arguments.length, 1, "setInterval");
    return add(callback, delay, args, true, "setInterval");
  },
  clearTimeout(id = 0) {
    clear(id);
  },
  clearInterval(id = 0) {
    clear(id);
  },
  queueMicrotask(callback) {
    required(arguments.length, 1, "queueMicrotask");
    if (typeof callback !== "function") throw new TypeError("queueMicrotask: not a function");
    resolved.then(() => {
      try {
        callback();
      } catch (error) {
        report(error);
      }
    });
  },
});

const resolved = Promise.resolve();
