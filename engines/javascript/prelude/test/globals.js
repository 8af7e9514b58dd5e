import { finish, isEngine, ok, same, test } from "./assert.js";
import list from "../wintertc.json" with { type: "json" };

// WebAssembly is not there: the engine itself runs in it.
const MISSING = new Set(["WebAssembly"]);

if (isEngine) {
  await test("the minimum common API", () => {
    const missing = Object.values(list.areas)
      .flat()
      .filter((name) => !MISSING.has(name.split(".")[0]))
      .filter((name) => {
        const [first, second] = name.split(".");
        return second === undefined ? !(first in globalThis) : !(second in globalThis[first]);
      });
    same(missing, []);
  });

  await test("shapes of the global scope", () => {
    for (const name of ["setTimeout", "fetch", "structuredClone", "atob", "queueMicrotask", "reportError"]) {
      const property = Object.getOwnPropertyDescriptor(globalThis, name);
      same([property.enumerable, property.writable, property.configurable], [true, true, true], name);
      same(property.value.name, name);
    }
    for (const name of Object.values(list.areas).flat()) {
      const Class = globalThis[name];
      if (typeof Class !== "function" || !/^[A-Z]/.test(name) || name === "DOMException") continue;
      const property = Object.getOwnPropertyDescriptor(globalThis, name);
      same(property.enumerable, false, name);
      same(Class.name, name);
      same(Class.prototype[Symbol.toStringTag], name);
      for (const key of Object.getOwnPropertyNames(Class.prototype)) {
        if (key === "constructor") continue;
        const { enumerable } = Object.getOwnPropertyDescriptor(Class.prototype, key);
        ok(enumerable, `${name}.${key} is enumerable`);
      }
    }
  });
}

finish("globals");
