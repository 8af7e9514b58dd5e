// What is left of the global scope.

import { EventTarget } from "./events.js";
import { INTERNAL, expose, hidden, illegal, operations } from "./webidl.js";

hidden(globalThis, "self", globalThis);

// QuickJS has both, as functions that cannot be enumerated.
operations({ atob: globalThis.atob, btoa: globalThis.btoa });

// https://html.spec.whatwg.org/#the-navigator-object
class Navigator {
  constructor(internal) {
    if (internal !== INTERNAL) throw illegal();
  }

  get userAgent() {
    return "wws";
  }
}
expose("Navigator", Navigator);
hidden(globalThis, "navigator", new Navigator(INTERNAL));

// https://w3c.github.io/hr-time/#sec-performance
class Performance extends EventTarget {
  constructor(internal) {
    if (internal !== INTERNAL) throw illegal();
    super();
  }

  now() {
    return native.monotonic();
  }

  get timeOrigin() {
    return native.now() - native.monotonic();
  }

  toJSON() {
    return { timeOrigin: this.timeOrigin };
  }
}
expose("Performance", Performance);
hidden(globalThis, "performance", new Performance(INTERNAL));
