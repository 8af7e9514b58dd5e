// The variables that the configuration of a site gives its scripts.

import { env } from "./dispatch.js";
import { setBodyAsText } from "./request.js";

/** Takes the settings of a script, before that script is evaluated. */
export function configure({ bodyText, vars }) {
  setBodyAsText(bodyText);
  for (const [name, value, index] of vars) {
    const property = value === null ? fromEnvironment(name, index) : { value };
    Object.defineProperty(env, name, { ...property, enumerable: true });
    // Whatever the platform has under that name stays.
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { ...property, enumerable: true });
  }
}

/** A value that is known only when the app runs. */
function fromEnvironment(name, index) {
  let value;
  return {
    get() {
      if (native.snapshotting()) {
        throw new Error(
          `the variable ${name} is read from the environment when the app starts: it has no value ` +
            "yet at the top level of a script, only while a request is answered",
        );
      }
      value ??= native.variable(index);
      return value;
    },
  };
}
