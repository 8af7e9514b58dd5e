import { finish, ok, same, test, throws } from "./assert.js";

await test("made from nothing, pairs, records, headers", () => {
  same([...new Headers()], []);
  same([...new Headers(undefined)], []);
  same([...new Headers([["b", "2"], ["A", "1"]])], [["a", "1"], ["b", "2"]]);
  same([...new Headers({ B: "2", a: 1 })], [["a", "1"], ["b", "2"]]);
  const odd = Object.create({ [Symbol.iterator]: undefined, inherited: "1" });
  odd.own = "2";
  same([...new Headers(odd)], [["own", "2"]]);
  const listed = { *[Symbol.iterator]() { yield ["y", "1"]; }, x: "2" };
  same([...new Headers(listed)], [["y", "1"]]);
  const first = new Headers({ x: "1" });
  const second = new Headers(first);
  second.set("x", "2");
  same(first.get("x"), "1");
  same([...new Headers(new Map([["k", "v"]]))], [["k", "v"]]);
  same([...new Headers(new Set([["k", "v"]]))], [["k", "v"]]);
});

await test("refuses what is no init", () => {
  for (const init of [null, 1, "a", true, [["a"]], [["a", "b", "c"]], [1], ["ab"]]) throws(TypeError, () => new Headers(init));
});

await test("names are tokens, without regard to case", () => {
  const headers = new Headers();
  headers.append("X-Test", "1");
  same(headers.get("x-TEST"), "1");
  ok(headers.has("X-TEST"));
  for (const name of ["", " ", "a b", "a:", "é", "a\n", "a\0", "(x)", "x/y", "[", "{"]) {
    throws(TypeError, () => headers.append(name, "1"));
    throws(TypeError, () => headers.set(name, "1"));
    throws(TypeError, () => headers.get(name));
    throws(TypeError, () => headers.has(name));
    throws(TypeError, () => headers.delete(name));
  }
  headers.set("!#$%&'*+-.^_`|~09az", "fine");
});

await test("values are byte strings, trimmed", () => {
  const headers = new Headers();
  headers.set("a", " \t\r\n x y \n\r\t ");
  same(headers.get("a"), "x y");
  headers.set("a", "");
  same(headers.get("a"), "");
  headers.set("a", "é\xff\x80");
  same(headers.get("a"), "é\xff\x80");
  headers.set("a", "\x01");
  same(headers.get("a"), "\x01");
  headers.set("a", 12);
  same(headers.get("a"), "12");
  headers.set("a", null);
  same(headers.get("a"), "null");
  for (const value of ["a\nb", "a\rb", "a\0b", "\u0100", "€"]) throws(TypeError, () => headers.set("a", value));
  throws(TypeError, () => headers.set("a", Symbol("x")));
});

await test("values of one name are joined", () => {
  const headers = new Headers();
  headers.append("a", "1");
  headers.append("A", "2");
  headers.append("a", "");
  same(headers.get("a"), "1, 2, ");
  headers.set("a", "3");
  same(headers.get("a"), "3");
  headers.delete("A");
  same(headers.get("a"), null);
  same(headers.has("a"), false);
});

await test("set takes the first place and removes the others", () => {
  const headers = new Headers([["a", "1"], ["b", "a"], ["a", "2"], ["c", "3"], ["a", "4"]]);
  headers.set("a", "5");
  same([...headers], [["a", "5"], ["b", "a"], ["c", "3"]]);
  const tricky = new Headers([["x", "y"], ["y", "x"]]);
  tricky.set("y", "z");
  same([...tricky], [["x", "y"], ["y", "z"]]);
  tricky.delete("z");
  same(tricky.get("y"), "z");
});

await test("cookies stay apart", () => {
  const headers = new Headers([["Set-Cookie", "a=1"], ["x", "y"], ["set-cookie", "b=2, c"]]);
  same(headers.getSetCookie(), ["a=1", "b=2, c"]);
  same([...headers], [["set-cookie", "a=1"], ["set-cookie", "b=2, c"], ["x", "y"]]);
  same(headers.get("set-cookie"), "a=1, b=2, c");
  headers.set("set-cookie", "d=3");
  same(headers.getSetCookie(), ["d=3"]);
  headers.delete("set-cookie");
  same(headers.getSetCookie(), []);
  same(new Headers().getSetCookie(), []);
});

await test("iteration is sorted and sees changes", () => {
  const headers = new Headers({ c: "3", a: "1", b: "2" });
  same([...headers.keys()], ["a", "b", "c"]);
  same([...headers.values()], ["1", "2", "3"]);
  same([...headers.entries()], [["a", "1"], ["b", "2"], ["c", "3"]]);
  const seen = [];
  headers.forEach(function (value, name, object) {
    seen.push([name, value, object === headers, this.x]);
  }, { x: 1 });
  same(seen, [["a", "1", true, 1], ["b", "2", true, 1], ["c", "3", true, 1]]);
  const names = [];
  for (const [name] of headers) {
    names.push(name);
    if (name === "a") headers.append("d", "4");
    if (name === "b") headers.delete("c");
  }
  same(names, ["a", "b", "d"]);
  throws(TypeError, () => headers.forEach());
  throws(TypeError, () => headers.forEach(1));
});

await test("iterators look like those of the platform", () => {
  const iterator = new Headers({ a: "1" }).entries();
  same(Object.prototype.toString.call(iterator), "[object Headers Iterator]");
  same(iterator[Symbol.iterator](), iterator);
  same(iterator.next(), { value: ["a", "1"], done: false });
  same(iterator.next(), { value: undefined, done: true });
  same(Headers.prototype[Symbol.iterator], Headers.prototype.entries);
});

await test("looks like an interface", () => {
  same(Headers.name, "Headers");
  same(Headers.length, 0);
  same(Object.prototype.toString.call(new Headers()), "[object Headers]");
  ok(Object.getOwnPropertyDescriptor(Headers.prototype, "get").enumerable, "get is enumerable");
  same(Object.getOwnPropertyDescriptor(globalThis, "Headers").enumerable, false);
  same(Object.keys(new Headers({ a: "1" })), []);
  throws(TypeError, () => Headers());
  throws(TypeError, () => Headers.prototype.get.call({}, "a"));
  throws(TypeError, () => new Headers().append("a"));
  throws(TypeError, () => new Headers().set("a"));
  throws(TypeError, () => new Headers().delete());
});

finish("headers");
