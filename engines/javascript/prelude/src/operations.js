// What scripts have their host do, and wait for: calls to other servers, and the key-value store.

/** The request that caused what runs now; 0 if none did. */
export let current = 0;

/** Says what is done from now on, until the script waits again, is done for this request. */
export function causedBy(id) {
  current = id;
}

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
export function outcome(number, owner = current) {
  return new Promise((resolve, reject) => pending.set(number, { owner, resolve, reject }));
}

/** An operation has come to its end. */
export function settled(number, failed, value) {
  const operation = pending.get(number);
  if (operation === undefined) return;
  pending.delete(number);
  current = operation.owner;
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
