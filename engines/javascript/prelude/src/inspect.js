// How values look in the log. Nothing here throws, whatever a script has made of an object, and
// nothing is longer than a log can bear.

const MAX_DEPTH = 2;
const MAX_ITEMS = 100;
const MAX_STRING = 10_000;
const MAX_LENGTH = 65_536;
const LINE = 76;

const { toString: regExpText } = RegExp.prototype;
const { toISOString } = Date.prototype;
const tagOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get;
const mapSize = Object.getOwnPropertyDescriptor(Map.prototype, "size").get;
const setSize = Object.getOwnPropertyDescriptor(Set.prototype, "size").get;
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** Says of an object of ours what its private fields hold. */
const views = [];

/** Has objects of a class shown as what `view` makes of them. */
export function inspectAs(Class, view) {
  views.push([Class, view]);
}

/** Calls what may throw. */
function attempt(action, otherwise = undefined) {
  try {
    return action();
  } catch {
    return otherwise;
  }
}

function quote(text) {
  const shown = text.length > MAX_STRING ? `${text.slice(0, MAX_STRING)}…` : text;
  const escaped = shown.replace(/[\\\n\r\t\0\b\f\v]/g, (char) => JSON.stringify(char).slice(1, -1));
  if (!escaped.includes("'")) return `'${escaped}'`;
  if (!escaped.includes('"')) return `"${escaped}"`;
  return `'${escaped.replaceAll("'", "\\'")}'`;
}

/** An error with its stack, its causes, and the errors that it collects. */
export function describe(error) {
  return bounded(attempt(() => errorText(error, new Set()), "an error that cannot be shown"));
}

function bounded(text) {
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}

function isError(value) {
  return attempt(() => Error.isError(value) || value instanceof Error, false);
}

function errorHead(error) {
  const name = attempt(() => `${error.name}`, "Error");
  const message = attempt(() => `${error.message}`, "");
  return message === "" ? name : name === "" ? message : `${name}: ${message}`;
}

function stackOf(error) {
  const stack = attempt(() => error.stack);
  if (typeof stack !== "string" || stack.trim() === "") return "";
  return `\n${native.position(stack).trimEnd()}`;
}

function errorText(error, seen) {
  if (!isError(error)) return inspect(error);
  if (seen.has(error)) return "[circular]";
  seen.add(error);
  let text = errorHead(error) + stackOf(error);
  const has = (name) => attempt(() => Object.hasOwn(error, name), false);
  const more = attempt(() => Object.keys(error), []).filter((key) => !["name", "message", "stack", "cause", "errors"].includes(key));
  if (more.length > 0) {
    const pairs = attempt(() => inspect(Object.fromEntries(more.map((key) => [key, error[key]]))), "{}");
    text += ` ${pairs}`;
  }
  if (has("errors") && Array.isArray(error.errors)) {
    for (const one of error.errors.slice(0, MAX_ITEMS)) text += `\n${indent(`- ${errorText(one, seen)}`)}`;
  }
  if (has("cause")) text += `\nCaused by: ${errorText(error.cause, seen)}`;
  return text;
}

function indent(text) {
  return text.replace(/^/gm, "  ");
}

/** A value as text, on one line if it fits there. */
export function inspect(value, depth = MAX_DEPTH) {
  return bounded(attempt(() => show(value, { depth, path: [] }, 0), "[object that cannot be shown]"));
}

function show(value, state, level) {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "bigint":
      return `${value}n`;
    case "number":
      return Object.is(value, -0) ? "-0" : `${value}`;
    case "symbol":
      return value.toString();
    case "object":
      return value === null ? "null" : showObject(value, state, level);
    case "function":
      return showObject(value, state, level);
    default:
      return `${value}`;
  }
}

function className(value) {
  for (let at = value; at !== null; at = Object.getPrototypeOf(at)) {
    const constructor = Object.getOwnPropertyDescriptor(at, "constructor")?.value;
    if (typeof constructor === "function" && typeof constructor.name === "string" && constructor.name !== "") {
      return constructor.name;
    }
  }
  return undefined;
}

function showObject(value, state, level) {
  if (state.path.includes(value)) return "[Circular]";
  if (isError(value)) {
    const text = errorText(value, new Set(state.path));
    return level === 0 ? text : `[${text.replace(/\n\s*/g, "\n    ")}]`;
  }
  const name = attempt(() => className(value));
  if (level > state.depth) return Array.isArray(value) ? "[Array]" : `[${name ?? "Object: null prototype"}]`;
  state.path.push(value);
  try {
    return attempt(() => showParts(value, name, state, level), `[${name ?? "Object"}]`);
  } finally {
    state.path.pop();
  }
}

/** The content of an object of a known kind, and what stands before it. */
function showParts(value, name, state, level) {
  const inner = (one) => show(one, state, level + 1);
  const view = views.find(([Class]) => value instanceof Class)?.[1];
  if (view !== undefined) {
    const seen = attempt(() => view(value));
    if (typeof seen === "string") return seen;
    if (seen !== undefined) return braces(`${name} `, properties(seen, inner, Object.keys(seen)), "{", "}");
  }
  if (typeof value === "function") return showFunction(value, inner);
  if (Array.isArray(value)) {
    const prefix = name === "Array" ? "" : `${name}(${value.length}) `;
    return braces(prefix, [...items(value, value.length, inner), ...properties(value, inner, ownKeys(value, isIndex))], "[", "]");
  }
  const typed = attempt(() => tagOf.call(value));
  if (typed !== undefined) {
    return braces(`${name}(${value.length}) `, items(value, value.length, inner), "[", "]");
  }
  const mapLength = attempt(() => mapSize.call(value));
  if (mapLength !== undefined) {
    const pairs = [];
    for (const [key, one] of Map.prototype.entries.call(value)) {
      if (pairs.push(`${inner(key)} => ${inner(one)}`) >= MAX_ITEMS) break;
    }
    return braces(`${name}(${mapLength}) `, rest(pairs, mapLength), "{", "}");
  }
  const setLength = attempt(() => setSize.call(value));
  if (setLength !== undefined) {
    const all = [];
    for (const one of Set.prototype.values.call(value)) if (all.push(inner(one)) >= MAX_ITEMS) break;
    return braces(`${name}(${setLength}) `, rest(all, setLength), "{", "}");
  }
  const plain = attempt(() => showPlain(value, name, inner));
  if (plain !== undefined) return plain;
  const tag = attempt(() => value[Symbol.toStringTag]);
  let prefix = name === "Object" ? "" : `${name ?? "[Object: null prototype]"} `;
  if (typeof tag === "string" && tag !== "" && tag !== name) prefix = `${name ?? "Object"} [${tag}] `;
  return braces(prefix, properties(value, inner, ownKeys(value, () => false)), "{", "}");
}

/** Dates, expressions, buffers, promises, and wrapped primitives. */
function showPlain(value, name, inner) {
  if (value instanceof RegExp) return regExpText.call(value);
  if (value instanceof Date) return attempt(() => toISOString.call(value), "Invalid Date");
  if (value instanceof ArrayBuffer) {
    const bytes = new Uint8Array(value);
    const hex = [...bytes.subarray(0, 50)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const more = bytes.length > 50 ? ` … ${bytes.length - 50} more bytes` : "";
    return `${name} { [Uint8Contents]: <${hex}${more}>, byteLength: ${bytes.length} }`;
  }
  if (value instanceof Promise) {
    const result = native.fulfilled(value);
    return `Promise { ${result === undefined ? "…" : inner(result)} }`;
  }
  for (const Class of [Number, String, Boolean, Symbol, BigInt]) {
    if (value instanceof Class) return `[${Class.name}: ${inner(Class.prototype.valueOf.call(value))}]`;
  }
  return undefined;
}

function showFunction(value, inner) {
  const isClass = attempt(() => Function.prototype.toString.call(value).startsWith("class"), false);
  const name = attempt(() => value.name, "");
  const kind = isClass ? "class" : className(value) ?? "Function";
  const head = isClass ? `[class ${name || "(anonymous)"}]` : name ? `[${kind}: ${name}]` : `[${kind} (anonymous)]`;
  const keys = ownKeys(value, () => false);
  return keys.length === 0 ? head : braces(`${head} `, properties(value, inner, keys), "{", "}");
}

function isIndex(key) {
  return typeof key === "string" && /^(?:0|[1-9]\d*)$/.test(key);
}

function ownKeys(value, isLeftOut) {
  const isShown = (key) => Object.getOwnPropertyDescriptor(value, key)?.enumerable && !isLeftOut(key);
  return Reflect.ownKeys(value).filter(isShown);
}

function items(list, length, inner) {
  const all = [];
  for (let at = 0; at < Math.min(length, MAX_ITEMS); at++) {
    all.push(at in list ? inner(list[at]) : "<empty>");
  }
  return rest(all, length);
}

function rest(all, length) {
  if (length > all.length) all.push(`… ${length - all.length} more`);
  return all;
}

function properties(value, inner, keys) {
  const all = keys.slice(0, MAX_ITEMS).map((key) => {
    const shown = typeof key === "symbol" ? `[${key.toString()}]` : IDENTIFIER.test(key) ? key : quote(key);
    const { get, set, value: one } = Object.getOwnPropertyDescriptor(value, key) ?? {};
    if (get !== undefined || set !== undefined) {
      return `${shown}: [${[get && "Getter", set && "Setter"].filter(Boolean).join("/")}]`;
    }
    return `${shown}: ${inner(one)}`;
  });
  return rest(all, keys.length);
}

function braces(prefix, parts, open, close) {
  if (parts.length === 0) return `${prefix}${open}${close}`;

  const line = `${prefix}${open} ${parts.join(", ")} ${close}`;
  if (line.length <= LINE && !line.includes("\n")) return line;
  // Short items of a list share lines.
  if (open === "[" && parts.length > 6 && parts.every((part) => part.length <= 16 && !part.includes("\n"))) {
    const lines = [];
    for (let at = 0; at < parts.length; ) {
      let text = parts[at++];
      while (at < parts.length && text.length + parts[at].length + 2 <= LINE) text += `, ${parts[at++]}`;
      lines.push(text);
    }
    return `${prefix}${open}\n${indent(lines.join(",\n"))}\n${close}`;
  }
  return `${prefix}${open}\n${indent(parts.join(",\n"))}\n${close}`;
}

/** What `console.log` writes: directives in the first argument (console, 2.2), then the others. */
export function format(args) {
  const [first, ...others] = args;
  let text = "";
  if (typeof first === "string") {
    text = others.length === 0 ? first : directives(first, others);
  } else if (args.length > 0) {
    text = inspect(first);
  }
  for (const one of others) text += ` ${typeof one === "string" ? one : inspect(one)}`;
  return bounded(text);
}

/** Takes from `others` what the directives use up. */
function directives(text, others) {
  return text.replace(/%([%sdifjoOc])/g, (whole, letter) => {
    if (letter === "%") return "%";
    if (others.length === 0) return whole;
    const value = others.shift();
    switch (letter) {
      case "s":
        return typeof value === "string" ? value : inspect(value, 0);
      case "d":
      case "i":
      case "f":
        return number(value, letter);
      case "j":
        return attempt(() => `${JSON.stringify(value)}`, "[Circular]");
      case "c":
        return "";
      default:
        return inspect(value, letter === "o" ? 4 : MAX_DEPTH);
    }
  });
}

function number(value, letter) {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol") return "NaN";
  const parse = { d: Number, i: Number.parseInt, f: Number.parseFloat }[letter];
  return attempt(() => `${parse(value)}`, "NaN");
}
