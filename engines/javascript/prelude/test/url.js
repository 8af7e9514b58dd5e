import { finish, isEngine, ok, same, test, throws } from "./assert.js";

await test("parts", () => {
  const url = new URL("https://user:pass@sub.example.com:8080/p/a/t/h?query=string#hash");
  same(url.href, "https://user:pass@sub.example.com:8080/p/a/t/h?query=string#hash");
  same(url.origin, "https://sub.example.com:8080");
  same(url.protocol, "https:");
  same(url.username, "user");
  same(url.password, "pass");
  same(url.host, "sub.example.com:8080");
  same(url.hostname, "sub.example.com");
  same(url.port, "8080");
  same(url.pathname, "/p/a/t/h");
  same(url.search, "?query=string");
  same(url.hash, "#hash");
  same(`${url}`, url.href);
  same(JSON.stringify({ url }), `{"url":"${url.href}"}`);
});

await test("serialization", () => {
  const cases = [
    ["http://EXAMPLE.com", "http://example.com/"],
    ["http://example.com:80/", "http://example.com/"],
    ["https://example.com:443", "https://example.com/"],
    ["http://a/b/../c/./d", "http://a/c/d"],
    ["http://a/%7Ebc/ x", "http://a/%7Ebc/%20x"],
    ["http://a/é?é#é", "http://a/%C3%A9?%C3%A9#%C3%A9"],
    ["http://münchen.de/", "http://xn--mnchen-3ya.de/"],
    ["http://faß.de/", "http://xn--fa-hia.de/"],
    ["http://日本.jp/", "http://xn--wgv71a.jp/"],
    ["http://ＧＯ.com", "http://go.com/"],
    ["http://1.2.3/", "http://1.2.0.3/"],
    ["http://0x7f.1/", "http://127.0.0.1/"],
    ["http://[::1]:3000/", "http://[::1]:3000/"],
    ["http://[2001:db8:0:0::1]/", "http://[2001:db8::1]/"],
    ["file:///C:/x/../y", "file:///C:/y"],
    ["  http://a/ \n", "http://a/"],
    ["ht\ntp://a\t/", "http://a/"],
    ["http:\\\\a\\b", "http://a/b"],
    ["mailto:a@b.c", "mailto:a@b.c"],
    ["data:text/plain,x y", "data:text/plain,x y"],
    ["javascript:alert(1)", "javascript:alert(1)"],
    ["blob:https://a.b/c", "blob:https://a.b/c"],
    ["foo://bar/baz", "foo://bar/baz"],
    ["http://a?", "http://a/?"],
    ["http://a#", "http://a/#"],
    ["http://u@a/", "http://u@a/"],
    ["http://u:@a/", "http://u@a/"],
    ["http://:p@a/", "http://:p@a/"],
    ["http://a/?q='<>\"", "http://a/?q=%27%3C%3E%22"],
    ["web+demo:/.//not-a-host/", "web+demo:/.//not-a-host/"],
  ];
  for (const [input, href] of cases) same(new URL(input).href, href, input);
});

await test("relative to a base", () => {
  const cases = [
    ["b", "http://h/a/c", "http://h/a/b"],
    ["/b", "http://h/a/c?x#y", "http://h/b"],
    ["?q", "http://h/a?x#y", "http://h/a?q"],
    ["#f", "http://h/a?x", "http://h/a?x#f"],
    ["//g/x", "https://h/a", "https://g/x"],
    ["", "http://h/a?x#y", "http://h/a?x"],
    ["..", "http://h/a/b/c", "http://h/a/"],
    ["http://o/", "http://h/", "http://o/"],
    ["../../../x", "http://h/a/b", "http://h/x"],
  ];
  for (const [input, base, href] of cases) same(new URL(input, base).href, href, `${input} ${base}`);
  same(new URL("x", new URL("http://h/")).href, "http://h/x");
});

await test("invalid", () => {
  const cases = ["", "a", "/a", "http://", "http://a b/", "http://a:99999/", "http://[::1", "http://%00/", "//x", "http://a<b", "https://exa%23mple.org"];
  for (const input of cases) {
    throws(TypeError, () => new URL(input));
    same(URL.canParse(input), false, input);
  }
  throws(TypeError, () => new URL("a", "b"));
  throws(TypeError, () => new URL("a", "mailto:x"));
  throws(TypeError, () => new URL());
  ok(URL.canParse("a", "http://b"));
  ok(URL.canParse("http://b"));
});

if (URL.parse !== undefined) {
  await test("parse", () => {
    same(URL.parse("nothing"), null);
    same(URL.parse("x", "http://h/").href, "http://h/x");
  });
}

await test("setters", () => {
  const set = (href, part, value) => {
    const url = new URL(href);
    url[part] = value;
    return url.href;
  };
  same(set("http://a/", "protocol", "https"), "https://a/");
  same(set("http://a/", "protocol", "foo"), "http://a/");
  same(set("http://a/", "username", "ü:"), "http://%C3%BC%3A@a/");
  same(set("http://u@a/", "password", "p@"), "http://u:p%40@a/");
  same(set("http://a/", "host", "b:81"), "http://b:81/");
  same(set("http://a:1/", "hostname", "b"), "http://b:1/");
  same(set("http://a/", "hostname", ""), "http://a/");
  same(set("http://a/", "port", "8080"), "http://a:8080/");
  same(set("http://a:1/", "port", "80"), "http://a/");
  same(set("http://a:1/", "port", ""), "http://a/");
  same(set("http://a:1/", "port", "99999"), "http://a:1/");
  same(set("http://a/", "pathname", "b c"), "http://a/b%20c");
  same(set("http://a/b", "pathname", ""), "http://a/");
  same(set("http://a/", "search", "x=y z"), "http://a/?x=y%20z");
  same(set("http://a/?x", "search", ""), "http://a/");
  same(set("http://a/", "hash", "h i"), "http://a/#h%20i");
  same(set("http://a/#x", "hash", ""), "http://a/");
  same(set("http://a/", "href", "https://b/c"), "https://b/c");
  const url = new URL("http://a/");
  throws(TypeError, () => {
    url.href = "nothing";
  });
  same(url.href, "http://a/");
});

await test("parts that are empty or odd", () => {
  same(new URL("http://a/?").search, "");
  same(new URL("http://a/#").hash, "");
  same(new URL("http://a/").username, "");
  same(new URL("http://u@a/").password, "");
  same(new URL("http://:p@a/").username, "");
  same(new URL("http://:p@a/").password, "p");
  same(new URL("mailto:x@y").pathname, "x@y");
  same(new URL("mailto:x@y").host, "");
  same(new URL("mailto:x@y").origin, "null");
  same(new URL("mailto:x@y").username, "");
  same(new URL("file:///a").origin, "null");
  same(new URL("file:///a").host, "");
  same(new URL("file:///a").pathname, "/a");
  same(new URL("blob:https://a.b/c").origin, "https://a.b");
  same(new URL("blob:ftp://a.b/c").origin, "null");
  same(new URL("ws://a:1/").origin, "ws://a:1");
  same(new URL("data:,x?y#z").search, "?y");
  same(new URL("http://[::1]:80/").host, "[::1]");
  same(new URL("http://[::1]:81/").port, "81");
  same(new URL("web+demo:/.//x").pathname, "//x");
});

await test("searchParams is linked both ways", () => {
  const url = new URL("http://a/?x=1&y=2");
  const params = url.searchParams;
  same(params, url.searchParams);
  same(url.searchParams === params, true);
  params.append("z", "ä b");
  same(url.search, "?x=1&y=2&z=%C3%A4+b");
  params.delete("x");
  same(url.href, "http://a/?y=2&z=%C3%A4+b");
  url.search = "?q=7";
  same(params.get("q"), "7");
  same(params.get("y"), null);
  url.href = "http://b/?r=8";
  same([...params], [["r", "8"]]);
  params.delete("r");
  same(url.href, "http://b/");
  params.set("a", "b");
  same(url.href, "http://b/?a=b");
  params.append("A", "c");
  params.sort();
  same(url.search, "?A=c&a=b");
});

await test("URLSearchParams: what it is made from", () => {
  const text = (init) => new URLSearchParams(init).toString();
  same(text(), "");
  same(text("?a=1&b=2"), "a=1&b=2");
  same(text("a&b=&=c&&d=e=f"), "a=&b=&=c&d=e%3Df");
  same(text("a+b=c%20d&%zz=%"), "a+b=c+d&%25zz=%25");
  same(text("a=%C3%28"), "a=%EF%BF%BD%28");
  same(text({ a: 1, b: "x y" }), "a=1&b=x+y");
  same(text([["a", "1"], ["a", "2"]]), "a=1&a=2");
  same(text(new URLSearchParams("q=1")), "q=1");
  same(text(new Map([["k", "v"]])), "k=v");
  same(text({ "\ud800": "\udc00" }), "%EF%BF%BD=%EF%BF%BD");
  same(text("é=ü"), "%C3%A9=%C3%BC");
  same(text({ "a*-._~!'()": "" }), "a*-._%7E%21%27%28%29=");
  same(text(undefined), "");
  // Node.js 20 takes null for nothing.
  if (isEngine) same(text(null), "null=");
  same(text("\ufeffa=b"), "%EF%BB%BFa=b");
  throws(TypeError, () => new URLSearchParams([["a"]]));
  throws(TypeError, () => new URLSearchParams([1]));
});

await test("URLSearchParams: methods", () => {
  const params = new URLSearchParams("a=1&b=2&a=3");
  same(params.size, 3);
  same(params.get("a"), "1");
  same(params.get("x"), null);
  same(params.getAll("a"), ["1", "3"]);
  same(params.getAll("x"), []);
  ok(params.has("a"));
  ok(params.has("a", "3"));
  same(params.has("a", "2"), false);
  params.delete("a", "1");
  same(`${params}`, "b=2&a=3");
  params.set("b", "4");
  params.append("b", "5");
  params.set("b", "6");
  same(`${params}`, "b=6&a=3");
  params.set("new", "7");
  same([...params.keys()], ["b", "a", "new"]);
  same([...params.values()], ["6", "3", "7"]);
  const seen = [];
  params.forEach((value, name) => seen.push(name + value));
  same(seen, ["b6", "a3", "new7"]);
  throws(TypeError, () => params.append("a"));
});

await test("URLSearchParams: sort is stable and by UTF-16 units", () => {
  const params = new URLSearchParams("z=b&a=b&z=a&a=a&ﬃ&🌈");
  params.sort();
  same([...params], [["a", "b"], ["a", "a"], ["z", "b"], ["z", "a"], ["🌈", ""], ["ﬃ", ""]]);
});

await test("URLSearchParams: iteration sees changes", () => {
  const params = new URLSearchParams("a=1&b=2&c=3");
  const seen = [];
  for (const [name] of params) {
    seen.push(name);
    params.delete(name);
  }
  same(seen, ["a", "c"]);
});

if (typeof URLPattern === "function") {
  await test("URLPattern", () => {
    const pattern = new URLPattern({ pathname: "/books/:id" });
    ok(pattern.test("http://a/books/12"));
    same(pattern.test("http://a/books/"), false);
    same(pattern.exec("http://a/books/12").pathname.groups, { id: "12" });
    same(pattern.exec("http://a/x"), null);
    same(new URLPattern("https://*.example.com/*").test("https://www.example.com/x"), true);
    same(new URLPattern({ pathname: "/:a(\\d+)/:b?" }).exec({ pathname: "/1" }).pathname.groups.a, "1");
    same(new URLPattern("/x/:y", "http://h").pathname, "/x/:y");
    same(URLPattern.name, "URLPattern");
  });
}

await test("looks like an interface", () => {
  same(URL.length, 1);
  same(URLSearchParams.length, 0);
  same(Object.prototype.toString.call(new URL("http://a")), "[object URL]");
  same(Object.prototype.toString.call(new URLSearchParams()), "[object URLSearchParams]");
  throws(TypeError, () => Object.getOwnPropertyDescriptor(URL.prototype, "href").get.call({}));
  if (isEngine) same(Object.keys(new URL("http://a")), []);
});

finish("url");
