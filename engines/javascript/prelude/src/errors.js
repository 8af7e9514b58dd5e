// https://html.spec.whatwg.org/#runtime-script-errors

import {
  ErrorEvent,
  PromiseRejectionEvent,
  dispatchTrusted,
  handlerAttribute,
  reportWith,
  scope,
} from "./events.js";
import { describe } from "./inspect.js";
import { operations, required } from "./webidl.js";

const ERROR = 3;

let reporting = false;

/** Tells who listens for errors of an exception that nobody has caught, or else the log. */
export function report(error) {
  // An exception in a listener for errors is not reported to that listener.
  if (reporting) {
    native.log(ERROR, `Uncaught ${describe(error)}`);
    return;
  }
  reporting = true;
  try {
    const event = new ErrorEvent("error", { ...whereabouts(error), error, cancelable: true });
    if (dispatchTrusted(scope, event)) native.log(ERROR, `Uncaught ${describe(error)}`);
  } finally {
    reporting = false;
  }
}

/** What an ErrorEvent says besides the error. */
function whereabouts(error) {
  try {
    const message = `Uncaught ${Error.isError(error) ? `${error.name}: ${error.message}` : String(error)}`;
    const stack = Error.isError(error) && typeof error.stack === "string" ? native.position(error.stack) : "";
    const [, filename, lineno, colno] = /([^\s(]+):(\d+):(\d+)\)?$/m.exec(stack) ?? [];
    return { message, filename, lineno, colno };
  } catch {
    return { message: "Uncaught exception" };
  }
}

reportWith(report);

/** A promise was rejected, and nobody has asked why. */
export function unhandledRejection(reason, promise) {
  const event = new PromiseRejectionEvent("unhandledrejection", { promise, reason, cancelable: true });
  if (dispatchTrusted(scope, event)) native.log(ERROR, `Unhandled rejection: ${describe(reason)}`);
}

/** Somebody has asked after all. */
export function rejectionHandled(promise) {
  promise.catch((reason) => {
    dispatchTrusted(scope, new PromiseRejectionEvent("rejectionhandled", { promise, reason }));
  });
}

operations({
  reportError(error) {
    required(arguments.length, 1, "reportError");
    report(error);
  },
});

/** The handler of the global scope gets the parts of the event (HTML, 8.1.8.1). */
function runOnError(handler, target, event) {
  const { message, filename, lineno, colno, error } = event;
  if (handler.call(target, message, filename, lineno, colno, error) === true) event.preventDefault();
}

handlerAttribute(globalThis, "error", () => scope, runOnError);
handlerAttribute(globalThis, "unhandledrejection", () => scope);
handlerAttribute(globalThis, "rejectionhandled", () => scope);
