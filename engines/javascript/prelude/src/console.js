// https://console.spec.whatwg.org

import { describe, format, inspect } from "./inspect.js";
import { hidden } from "./webidl.js";

const DEBUG = 0;
const INFO = 1;
const WARN = 2;
const ERROR = 3;

const counts = new Map();
const timers = new Map();
let group = "";

const MAX_GROUPS = 20;
const MAX_ROWS = 100;
const MAX_COLUMNS = 20;
const MAX_CELL = 60;

function write(level, text) {
  native.log(level, group === "" ? text : text.replace(/^/gm, group));
}

function label(value) {
  return value === undefined ? "default" : `${value}`;
}

function elapsed(name) {
  const start = timers.get(name);
  if (start === undefined) {
    write(WARN, `Timer "${name}" does not exist`);
    return undefined;
  }
  return `${name}: ${(native.monotonic() - start).toFixed(3)} ms`;
}

/** Text that fits into a table. */
function cell(text) {
  const line = text.replace(/\s*\n\s*/g, " ");
  return line.length > MAX_CELL ? `${line.slice(0, MAX_CELL)}…` : line;
}

/** The rows and columns of `console.table`. */
function table(data, wanted) {
  const all = data instanceof Map || data instanceof Set ? [...data.entries()] : Object.entries(data);
  const rows = all.slice(0, MAX_ROWS);
  const columns = new Set(wanted);
  let hasValues = false;
  for (const [, row] of rows) {
    if (typeof row !== "object" || row === null) hasValues = true;
    else if (wanted === undefined) for (const key of Object.keys(row)) columns.add(key);
  }
  const names = [...columns].slice(0, MAX_COLUMNS);
  const head = ["(index)", ...names, ...(hasValues ? ["Values"] : [])].map(cell);
  const lines = rows.map(([index, row]) => {
    const isObject = typeof row === "object" && row !== null;
    const cells = names.map((key) => (isObject && Object.hasOwn(row, key) ? inspect(row[key], 0) : ""));
    const values = hasValues ? [isObject ? "" : inspect(row, 0)] : [];
    return [typeof index === "string" ? index : inspect(index, 0), ...cells, ...values].map(cell);
  });
  const widths = head.map((_, at) => Math.max(...[head, ...lines].map((line) => line[at].length)));
  const text = (line) => `│ ${line.map((one, at) => one.padEnd(widths[at])).join(" │ ")} │`;
  const rule = (left, middle, right) => left + widths.map((width) => "─".repeat(width + 2)).join(middle) + right;
  const more = all.length > MAX_ROWS ? [`… ${all.length - MAX_ROWS} more`] : [];
  const body = [text(head), rule("├", "┼", "┤"), ...lines.map(text)];
  return [rule("┌", "┬", "┐"), ...body, rule("└", "┴", "┘"), ...more].join("\n");
}

const console = {
  log(...args) {
    write(INFO, format(args));
  },
  info(...args) {
    write(INFO, format(args));
  },
  warn(...args) {
    write(WARN, format(args));
  },
  error(...args) {
    write(ERROR, format(args));
  },
  debug(...args) {
    write(DEBUG, format(args));
  },
  trace(...args) {
    const { stack } = new Error("");
    const text = args.length === 0 ? "Trace" : `Trace: ${format(args)}`;
    // The first line is this function.
    const lines = native.position(stack ?? "").trimEnd().split("\n").slice(1);
    write(DEBUG, [text, ...lines].join("\n"));
  },
  assert(condition = false, ...args) {
    if (condition) return;
    const [first, ...others] = args;
    if (args.length === 0) write(ERROR, "Assertion failed");
    else if (typeof first === "string") write(ERROR, format([`Assertion failed: ${first}`, ...others]));
    else write(ERROR, format(["Assertion failed:", ...args]));
  },
  clear() {},
  count(name = undefined) {
    name = label(name);
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    write(INFO, `${name}: ${count}`);
  },
  countReset(name = undefined) {
    name = label(name);
    if (!counts.delete(name)) write(WARN, `Count for "${name}" does not exist`);
  },
  dir(value = undefined) {
    write(INFO, inspect(value));
  },
  dirxml(...args) {
    write(INFO, format(args));
  },
  group(...args) {
    if (args.length > 0) write(INFO, format(args));
    if (group.length < 2 * MAX_GROUPS) group += "  ";
  },
  groupCollapsed(...args) {
    console.group(...args);
  },
  groupEnd() {
    group = group.slice(2);
  },
  table(data = undefined, columns = undefined) {
    if (typeof data !== "object" || data === null) {
      write(INFO, format([data]));
      return;
    }
    let text;
    try {
      text = table(data, columns);
    } catch (error) {
      text = describe(error);
    }
    write(INFO, text);
  },
  time(name = undefined) {
    name = label(name);
    if (timers.has(name)) write(WARN, `Timer "${name}" already exists`);
    else timers.set(name, native.monotonic());
  },
  timeLog(name = undefined, ...args) {
    const text = elapsed(label(name));
    if (text !== undefined) write(INFO, args.length === 0 ? text : `${text} ${format(args)}`);
  },
  timeEnd(name = undefined) {
    const text = elapsed(label(name));
    if (text === undefined) return;
    timers.delete(label(name));
    write(INFO, text);
  },
};
Object.defineProperty(console, Symbol.toStringTag, { value: "console", configurable: true });

hidden(globalThis, "console", console);
