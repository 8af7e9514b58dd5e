// The order matters where a module needs a global of another one while it is evaluated.

import "./math.js";
import "./events.js";
import "./errors.js";
import "./abort.js";
import "./streams.js";
import "./console.js";
import "./encoding.js";
import "./url.js";
import "./clone.js";
import "./compression.js";
import "./crypto.js";
import "./globals.js";
import "./fetch.js";
import "./kv.js";
import "./cache.js";
import "./messages.js";
import "./urlpattern.js";
import "./views.js";

import { rejectionHandled, unhandledRejection } from "./errors.js";
import { describe } from "./inspect.js";
import { adopt, cancelled, dispatch, drained, hasHandler, warm } from "./dispatch.js";
import { settled } from "./operations.js";
import { runTimers } from "./timers.js";
import { configure } from "./variables.js";

export const hooks = {
  adopt,
  cancelled,
  configure,
  describe,
  dispatch,
  drained,
  hasHandler,
  rejectionHandled,
  runTimers,
  settled,
  unhandledRejection,
  warm,
};
