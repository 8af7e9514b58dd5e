// How objects of the platform look in the log: what they hold is in private fields.

import { AbortSignal } from "./abort.js";
import { Blob, File } from "./blob.js";
import { CryptoKey } from "./crypto.js";
import { Event } from "./events.js";
import { FormData } from "./formdata.js";
import { Headers } from "./headers.js";
import { inspectAs } from "./inspect.js";
import { Request } from "./request.js";
import { Response } from "./response.js";
import { ReadableStream } from "./streams.js";
import { URL, URLSearchParams } from "./url.js";

/** Has objects of a class shown with some of their attributes. */
function attributes(Class, ...names) {
  inspectAs(Class, (object) => Object.fromEntries(names.map((name) => [name, object[name]])));
}

/** A list of pairs as an object; a name that stands there several times has an array. */
function pairs(Class) {
  inspectAs(Class, (object) => {
    const all = Object.create(null);
    for (const [name, value] of object) {
      all[name] = name in all ? [all[name], value].flat() : value;
    }
    return all;
  });
}

pairs(Headers);
pairs(URLSearchParams);
pairs(FormData);
attributes(Request, "method", "url", "headers", "bodyUsed");
attributes(Response, "status", "statusText", "headers", "bodyUsed");
attributes(URL, "href", "origin", "pathname", "search", "hash");
attributes(File, "name", "size", "type");
attributes(Blob, "size", "type");
attributes(AbortSignal, "aborted", "reason");
attributes(CryptoKey, "type", "extractable", "algorithm", "usages");
attributes(Event, "type", "defaultPrevented");
attributes(ReadableStream, "locked");
