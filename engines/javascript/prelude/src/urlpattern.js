// https://urlpattern.spec.whatwg.org, as `urlpattern-polyfill` has it.

import { URLPattern } from "urlpattern-polyfill/urlpattern";
import { expose } from "./webidl.js";

expose("URLPattern", URLPattern);
