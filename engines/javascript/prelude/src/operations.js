// What scripts have their host do, and wait for: calls to other servers, and the key-value store.

// The host tells which request causes what runs now. What it does later on behalf of a request, that
// request has caused too: each operation and each timer knows its owner.

/** Operations that were begun, by their number. */
const pending = new Map();

/** Why the host did not do something. */
export class Failure {
  constructor({ code, message }) {
    this.code = code;
    this.message = message;
  }
}

/** The outcome of an operation. Rejects with a `Failure`, or with what `abandon` is given. */
export function outcome(number, owner = native.current()) {
  return new Promise((resolve, reject) => pending.set(number, { owner, resolve, reject }));
}

/** An operation has come to its end. */
export function settled(number, failed, value) {
  const operation = pending.get(number);
  if (operation === undefined) return;
  pending.delete(number);
  native.causedBy(operation.owner);
  if (failed) operation.reject(new Failure(value));
  else operation.resolve(value);
}

/** Nobody waits for an operation any more. */
export function abandon(number, reason) {
  const operation = pending.get(number);
  if (operation === undefined) return;
  pending.delete(number);
  native.cancel(number);
  operation.reject(reason);
}

const CLASSES = { "key-too-long": RangeError, "value-too-long": RangeError, "not-a-number": TypeError };

/** What scripts get to see of a failure of the key-value store. */
export function storeError({ code, message }) {
  const Class = Object.hasOwn(CLASSES, code) ? CLASSES[code] : Error;
  return Object.assign(new Class(message), { code });
}
