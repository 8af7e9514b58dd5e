//! Packages from npm, unmodified, in an app that runs where there is nothing else.

use serde_json::json;

use super::{json_of, project};
use crate::support::{Answer, RunningApp, repository, skipped};

/// Runs a test on an app of these files and packages; `npm ci` has to have installed them.
#[track_caller]
fn with_packages(packages: &[&str], files: &[(&str, &str)], test: impl Fn(&RunningApp)) {
    let modules = repository("tests/packages/node_modules");
    let site = packages.iter().try_fold(project(files), |site, package| {
        let from = modules.join(package);
        from.is_dir()
            .then(|| site.folder(&format!("node_modules/{package}/"), &from))
    });
    let Some(site) = site else {
        let packages = packages.join(", ");
        return skipped(&format!("{packages}: run npm ci in tests/packages"));
    };
    let app = site.bundle();
    test(&app.start(&[]));
    // Whoever has no node_modules any more needs none.
    drop(site);
    match app.command_in_empty_root() {
        Some(command) => test(&RunningApp::start(command)),
        None => skipped("packages in an empty root: nothing may be root here"),
    }
}

#[track_caller]
fn post_json(app: &RunningApp, path: &str, json: &str) -> Answer {
    app.request(
        "POST",
        path,
        &[("content-type", "application/json")],
        json.as_bytes(),
    )
}

#[test]
fn hono_runs() {
    let source = r#"
        import { Hono, type Context } from "hono";
        import { getCookie, setCookie } from "hono/cookie";
        import { cors } from "hono/cors";
        import { HTTPException } from "hono/http-exception";
        import { streamText } from "hono/streaming";

        type Env = { Bindings: { GREETING: string }; Variables: { user: string } };
        const app = new Hono<Env>();

        app.use("*", async (c, next) => {
            await next();
            c.header("x-middleware", "yes");
        });
        app.use("/private/*", async (c, next) => {
            if (c.req.header("authorization") !== "Bearer t") throw new HTTPException(401, { message: "no" });
            c.set("user", "ada");
            await next();
        });
        app.use("/open/*", cors());
        app.get("/", (c) => c.text(c.env.GREETING));
        app.get("/users/:id{[0-9]+}", (c) => c.json({ id: c.req.param("id"), q: c.req.queries("q") }));
        app.post("/users", async (c) => {
            const { name } = await c.req.json<{ name: string }>();
            return c.json({ name }, 201, { location: `/users/${name}` });
        });
        app.post("/form", async (c) => c.json(await c.req.parseBody()));
        app.get("/private/me", (c) => c.text(c.get("user")));
        app.get("/open/a", (c) => c.html("<p>open</p>"));
        app.get("/cookie", (c: Context) => {
            setCookie(c, "b", "2", { path: "/", httpOnly: true });
            setCookie(c, "c", "3");
            return c.text(getCookie(c, "a") ?? "none");
        });
        app.get("/stream", (c) => streamText(c, async (stream) => {
            for (const word of ["one", "two"]) { await stream.writeln(word); await stream.sleep(5); }
        }));
        app.get("/later", (c) => { c.executionCtx.waitUntil(Promise.resolve()); return c.redirect("/"); });
        app.get("/throws", () => { throw new Error("on purpose"); });
        app.route("/sub", new Hono().get("/a/*", (c) => c.text(c.req.path)));
        app.notFound((c) => c.text(`no ${c.req.path}`, 404));
        app.onError((error, c) => error instanceof HTTPException
            ? error.getResponse() : c.json({ error: error.message }, 500));
        export default app;
    "#;
    let toml = "vars.GREETING = \"hello from hono\"";
    let files = [("[...path].ts", source), ("[...path].toml", toml)];
    with_packages(&["hono"], &files, |app| {
        let answer = app.get("/");
        assert_eq!(answer.text(), "hello from hono", "{}", app.log());
        assert_eq!(answer.assert_status(200).field("x-middleware"), Some("yes"));
        assert_eq!(
            json_of(&app.get("/users/7?q=1&q=ä")),
            json!({ "id": "7", "q": ["1", "ä"] })
        );
        assert_eq!(app.get("/users/x").assert_status(404).text(), "no /users/x");
        let created = post_json(app, "/users", r#"{"name":"ada"}"#);
        assert_eq!(created.assert_status(201).text(), r#"{"name":"ada"}"#);
        assert_eq!(created.field("location"), Some("/users/ada"));
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let parsed = app.request("POST", "/form", &form, b"a=1&b=%C3%A4");
        assert_eq!(json_of(&parsed), json!({ "a": "1", "b": "ä" }));
        assert_eq!(app.get("/private/me").assert_status(401).text(), "no");
        let me = app.get_with("/private/me", &[("authorization", "Bearer t")]);
        assert_eq!(me.assert_status(200).text(), "ada");
        let open = app.get("/open/a");
        assert_eq!(
            open.assert_status(200).field("access-control-allow-origin"),
            Some("*")
        );
        let preflight = [
            ("origin", "https://a"),
            ("access-control-request-method", "PUT"),
        ];
        app.request("OPTIONS", "/open/a", &preflight, b"")
            .assert_status(204);
        let answer = app.get_with("/cookie", &[("cookie", "x=0; a=1")]);
        assert_eq!(answer.assert_status(200).text(), "1");
        let cookies: Vec<&str> = answer.all("set-cookie").collect();
        assert_eq!(cookies, ["b=2; Path=/; HttpOnly", "c=3; Path=/"]);
        let stream = app.get("/stream");
        assert_eq!(stream.assert_status(200).text(), "one\ntwo\n");
        assert_eq!(stream.field("transfer-encoding"), Some("chunked"));
        assert_eq!(
            app.get("/later").assert_status(302).field("location"),
            Some("/")
        );
        assert_eq!(
            app.get("/throws").assert_status(500).text(),
            r#"{"error":"on purpose"}"#
        );
        assert_eq!(app.get("/sub/a/b").assert_status(200).text(), "/sub/a/b");
        assert_eq!(
            app.request("HEAD", "/", &[], b"").assert_status(200).body,
            b""
        );
    });
}

#[test]
fn itty_router_runs() {
    let source = "import { AutoRouter, error, json, withContent } from 'itty-router';\n\
        const router = AutoRouter({ base: '/api' });\n\
        router.get('/', () => 'text')\n\
          .get('/users/:id', ({ params, query }) => ({ id: params.id, query }))\n\
          .get('/files/:path+', ({ params }) => params.path)\n\
          .post('/todos', withContent, ({ content }) => json({ got: content }, { status: 201 }))\n\
          .get('/throws', () => { throw new Error('on purpose') })\n\
          .get('/teapot', () => error(418, 'short and stout'));\n\
        export default router;";
    with_packages(&["itty-router"], &[("api/[...path].js", source)], |app| {
        assert_eq!(json_of(&app.get("/api")), json!("text"), "{}", app.log());
        let got = json_of(&app.get("/api/users/a%20b?x=1&x=2"));
        assert_eq!(got["query"], json!({ "x": ["1", "2"] }));
        assert!(
            ["a b", "a%20b"].contains(&got["id"].as_str().unwrap()),
            "{got}"
        );
        assert_eq!(json_of(&app.get("/api/files/a/b.txt")), json!("a/b.txt"));
        let todo = post_json(app, "/api/todos", r#"{"a":[1]}"#);
        assert_eq!(todo.assert_status(201).text(), r#"{"got":{"a":[1]}}"#);
        let missing = app.get("/api/nowhere");
        assert_eq!(
            missing.assert_status(404).text(),
            r#"{"status":404,"error":"Not Found"}"#
        );
        app.get("/api/throws").assert_status(500);
        assert!(
            app.get("/api/teapot")
                .assert_status(418)
                .text()
                .contains("stout")
        );
    });
}

#[test]
fn marked_renders_a_document() {
    let markdown = "# Head *line*\n\nText with **bold**, `code` and [a link](https://example.org \"t\").\n\n\
        - one\n- two\n  1. deep\n\n> quote\n\n```js\nlet a = 1 < 2;\n```\n\n| a | b |\n|---|:-:|\n| 1 | ä |\n\n---\n\n~~gone~~ &copy; <i>html</i>\n";
    let html = "<h1>Head <em>line</em></h1>\n\
        <p>Text with <strong>bold</strong>, <code>code</code> and <a href=\"https://example.org\" title=\"t\">a link</a>.</p>\n\
        <ul>\n<li>one</li>\n<li>two<ol>\n<li>deep</li>\n</ol>\n</li>\n</ul>\n\
        <blockquote>\n<p>quote</p>\n</blockquote>\n\
        <pre><code class=\"language-js\">let a = 1 &lt; 2;\n</code></pre>\n\
        <table>\n<thead>\n<tr>\n<th>a</th>\n<th align=\"center\">b</th>\n</tr>\n</thead>\n\
        <tbody><tr>\n<td>1</td>\n<td align=\"center\">ä</td>\n</tr>\n</tbody></table>\n\
        <hr>\n<p><del>gone</del> &copy; <i>html</i></p>\n";
    let source = "import { marked } from 'marked';\n\
        export default async (request) => new Response(marked.parse(await request.text()),\n\
          { headers: { 'content-type': 'text/html' } })";
    with_packages(&["marked"], &[("w.js", source)], |app| {
        let answer = app.request("POST", "/w", &[], markdown.as_bytes());
        assert_eq!(answer.assert_status(200).text(), html, "{}", app.log());
        let long = markdown.repeat(200);
        let answer = app.request("POST", "/w", &[], long.as_bytes());
        assert_eq!(answer.assert_status(200).text(), html.repeat(200));
    });
}

#[test]
fn preact_renders_on_the_server() {
    let tsx = r#"/** @jsxImportSource preact */
        import { createContext } from "preact";
        import { useContext, useMemo, useState } from "preact/hooks";
        import { render } from "preact-render-to-string";

        const Theme = createContext("light");
        function Item({ n }: { n: number }) {
            const [count] = useState(n * 2);
            const theme = useContext(Theme);
            return <li class={theme} key={n}>{useMemo(() => count + 1, [count])}</li>;
        }
        function Page({ name }: { name: string }) {
            return <>
                <h1 style={{ color: "red" }}>Hello, {name}!</h1>
                <Theme.Provider value="dark"><ul>{[1, 2].map((n) => <Item n={n} />)}</ul></Theme.Provider>
                <input disabled value="&quot;" /><div dangerouslySetInnerHTML={{ __html: "<b>raw</b>" }} />
            </>;
        }
        export default (request: Request) => {
            const name = new URL(request.url).searchParams.get("name") ?? "nobody";
            return new Response("<!DOCTYPE html>" + render(<Page name={name} />),
                { headers: { "content-type": "text/html" } });
        };
    "#;
    let plain = "import { h } from 'preact'; import renderToString from 'preact-render-to-string';\n\
        export default () => new Response(renderToString(h('p', { class: 'a' }, 'plain ', h('b', null, 1))))";
    let files = [("page.tsx", tsx), ("plain.js", plain)];
    with_packages(&["preact", "preact-render-to-string"], &files, |app| {
        let answer = app.get("/page?name=%3CAda%3E");
        let want = "<!DOCTYPE html><h1 style=\"color:red;\">Hello, &lt;Ada>!</h1>\
            <ul><li class=\"dark\">3</li><li class=\"dark\">5</li></ul>\
            <input disabled value=\"&quot;\"/><div><b>raw</b></div>";
        assert_eq!(answer.text(), want, "{}", app.log());
        assert_eq!(
            answer.assert_status(200).field("content-type"),
            Some("text/html")
        );
        assert_eq!(
            app.get("/plain").text(),
            "<p class=\"a\">plain <b>1</b></p>"
        );
    });
}
