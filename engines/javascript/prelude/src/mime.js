// https://mimesniff.spec.whatwg.org

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const QUOTED = /^[\t -~\x80-\xff]*$/;

/**
 * A media type (4.4): its `essence`, `parameters` by name, and as `text`. Undefined for what is
 * none.
 */
export function mediaType(text) {
  if (text === null || text === undefined) return undefined;
  text = text.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  const semicolon = text.indexOf(";");
  const head = (semicolon < 0 ? text : text.slice(0, semicolon)).replace(/[\t\n\r ]+$/, "");
  const [type, subtype, ...more] = head.split("/");
  if (subtype === undefined || more.length > 0 || !TOKEN.test(type) || !TOKEN.test(subtype)) {
    return undefined;
  }
  const essence = head.toLowerCase();
  const parameters = new Map();
  let at = semicolon < 0 ? text.length : semicolon;
  while (at < text.length) {
    const rest = text.slice(at);
    const [whole, name, quoted, plain] = /^;[\t\n\r ]*([^;=]*)(?:=(?:("(?:[^"\\]|\\[^]?)*"?)[^;]*|([^;]*)))?/.exec(rest);
    at += whole.length;
    const value =
      quoted === undefined
        ? plain?.replace(/[\t\n\r ]+$/, "")
        : quoted.replace(/^"|"$/g, "").replace(/\\([^])/g, "$1");
    const key = name.toLowerCase();
    const valid = value !== undefined && (value !== "" || quoted !== undefined) && QUOTED.test(value);
    if (valid && TOKEN.test(key) && !parameters.has(key)) parameters.set(key, value);
  }
  let whole = essence;
  for (const [name, value] of parameters) {
    whole += `;${name}=${TOKEN.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`}`;
  }
  return { essence, parameters, text: whole };
}
