// The key-value storage of wws 1.7: at once, and one transaction from the beginning of a request to
// its answer.

import { keyFrom, textFrom, valueFrom } from "./kv.js";
import { storeError } from "./operations.js";
import { hidden, required } from "./webidl.js";

function ask(what, begin) {
  if (native.snapshotting()) {
    throw new Error(
      `${what}: there is no key-value storage at the top level of a script, which runs when the ` +
        "site is bundled; use it while a request is answered",
    );
  }
  const [failed, value] = begin();
  if (failed) throw storeError(value);
  return value;
}

const methods = {
  get(key) {
    required(arguments.length, 1, "Cache.get");
    const name = keyFrom(key, "Cache.get");
    const [value] = ask("Cache.get", () => native.cacheGet(name));
    return value === null ? undefined : textFrom(value, "Cache.get");
  },

  set(key, value) {
    required(arguments.length, 2, "Cache.set");
    const name = keyFrom(key, "Cache.set");
    // Counters are often numbers; scripts get them back as text.
    const isPlain = typeof value === "number" || typeof value === "boolean" || typeof value === "bigint";
    const text = isPlain ? `${value}` : valueFrom(value, "Cache.set");
    ask("Cache.set", () => native.cacheSet(name, text));
  },

  delete(key) {
    required(arguments.length, 1, "Cache.delete");
    const name = keyFrom(key, "Cache.delete");
    ask("Cache.delete", () => native.cacheSet(name, null));
  },
};

hidden(globalThis, "Cache", methods);
