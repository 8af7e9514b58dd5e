// https://xhr.spec.whatwg.org/#interface-formdata, and the forms of HTML and RFC 7578.

import { Blob, File, blobBytes } from "./blob.js";
import { mediaType } from "./mime.js";
import { expose, iterable, required, usv } from "./webidl.js";

let listOf;

export class FormData {
  /** Name, value, name, value, … */
  #list = [];

  constructor(form = undefined) {
    if (form !== undefined) throw new TypeError("FormData: there are no forms here");
  }

  static {
    listOf = (form) => form.#list;
    iterable(this, "FormData", (form, place) => {
      const list = form.#list;
      return 2 * place < list.length ? [list[2 * place], list[2 * place + 1]] : undefined;
    });
  }

  append(name, value, filename = undefined) {
    required(arguments.length, 2, "FormData.append");
    this.#list.push(usv(name), entryValue(value, filename, arguments.length));
  }

  delete(name) {
    required(arguments.length, 1, "FormData.delete");
    name = usv(name);
    this.#list = this.#list.filter((_, at, list) => list[at - (at % 2)] !== name);
  }

  get(name) {
    required(arguments.length, 1, "FormData.get");
    const at = this.#place(usv(name));
    return at < 0 ? null : this.#list[at + 1];
  }

  getAll(name) {
    required(arguments.length, 1, "FormData.getAll");
    name = usv(name);
    return this.#list.filter((_, at, list) => at % 2 === 1 && list[at - 1] === name);
  }

  has(name) {
    required(arguments.length, 1, "FormData.has");
    return this.#place(usv(name)) >= 0;
  }

  set(name, value, filename = undefined) {
    required(arguments.length, 2, "FormData.set");
    name = usv(name);
    value = entryValue(value, filename, arguments.length);
    const at = this.#place(name);
    if (at < 0) {
      this.#list.push(name, value);
      return;
    }
    this.#list[at + 1] = value;
    this.#list = this.#list.filter((_, i, list) => i < at + 2 || list[i - (i % 2)] !== name);
  }

  #place(name) {
    for (let at = 0; at < this.#list.length; at += 2) if (this.#list[at] === name) return at;
    return -1;
  }
}

/** HTML, 4.10.21.4, "create an entry": a blob becomes a file. */
function entryValue(value, filename, count) {
  if (!(value instanceof Blob)) {
    if (count > 2) throw new TypeError("FormData: a value with a file name is no Blob");
    return usv(value);
  }
  if (value instanceof File && count < 3) return value;
  const options = { type: value.type, lastModified: value.lastModified };
  return new File([value], count > 2 ? filename : "blob", options);
}

expose("FormData", FormData);

/** HTML, 4.10.21.8: what would end a quoted name is written with a percent sign. */
function quote(name) {
  return name.replace(/\r\n|\r|\n/g, "\r\n").replace(/[\r\n"]/g, (char) => `%${char === "\r" ? "0D" : char === "\n" ? "0A" : "22"}`);
}

/** Digits that no content has by chance. A form may be made at the top level of a script too. */
function digits() {
  return Math.random().toString(36).slice(2).padEnd(11, "0");
}

/** A form as `multipart/form-data`. */
export function formDataBytes(form) {
  const boundary = `----formdata-${digits()}${digits()}`;
  const parts = [];
  const list = listOf(form);
  for (let at = 0; at < list.length; at += 2) {
    const value = list[at + 1];
    let head = `--${boundary}\r\nContent-Disposition: form-data; name="${quote(list[at])}"`;
    if (typeof value === "string") {
      parts.push(`${head}\r\n\r\n${value.replace(/\r\n|\r|\n/g, "\r\n")}\r\n`);
    } else {
      head += `; filename="${quote(value.name)}"\r\nContent-Type: ${value.type || "application/octet-stream"}`;
      parts.push(`${head}\r\n\r\n`, value, "\r\n");
    }
  }
  parts.push(`--${boundary}--\r\n`);
  return { bytes: blobBytes(new Blob(parts)), type: `multipart/form-data; boundary=${boundary}` };
}

/** The form that a body of a type is (Fetch, 5.3, "formData"). */
export function formDataFrom(bytes, type) {
  const { essence, parameters } = mediaType(type) ?? {};
  const form = new FormData();
  const list = listOf(form);
  if (essence === "application/x-www-form-urlencoded") {
    list.push(...native.formParse(native.utf8Decode(bytes, false, true)));
    return form;
  }
  const boundary = parameters?.get("boundary");
  if (essence !== "multipart/form-data" || boundary === undefined) {
    throw new TypeError("The body is of no type that a form has");
  }
  const parts = native.multipart(bytes, boundary);
  if (parts === undefined) throw new TypeError("The body is no valid multipart form");
  for (let at = 0; at < parts.length; at += 5) {
    const [name, filename, partType, start, end] = parts.slice(at, at + 5);
    const content = bytes.subarray(start, end);
    list.push(name, filename === undefined
      ? native.utf8Decode(content, false, false)
      : new File([content], filename, { type: partType ?? "text/plain" }));
  }
  return form;
}
