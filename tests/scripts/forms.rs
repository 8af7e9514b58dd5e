//! What makes a file a worker: how it handles requests, its name, and where it lies.

use super::{handler, project, worker};
use crate::support::{RunningApp, TestSite, check_refusal};

/// Answers with a text.
fn says(text: &str) -> String {
    handler(&format!("return new Response({text:?});"))
}

#[track_caller]
fn check_text(app: &RunningApp, path: &str, want: &str) {
    let answer = app.get(path);
    assert_eq!(answer.assert_status(200).text(), want, "{path}");
}

#[test]
fn every_form_of_a_handler_answers() {
    const FORMS: [(&str, &str); 14] = [
        (
            "object.js",
            "export default { fetch(request, env, ctx) { \
             return new Response(`${request.method} ${typeof env} ${typeof ctx.waitUntil}`) } }",
        ),
        (
            "async-object.js",
            "export default { async fetch() { await null; return new Response('yes') } }",
        ),
        (
            "this.js",
            "export default { name: 'yes', fetch() { return new Response(this.name) } }",
        ),
        (
            "listener.js",
            "addEventListener('fetch', event => event.respondWith(new Response('yes')))",
        ),
        (
            "listener-of-self.js",
            "self.addEventListener('fetch', function (event) { \
             event.respondWith(answer(event.request)) });\n\
             async function answer(request) { return new Response(await request.text() || 'yes') }",
        ),
        (
            "function.js",
            "export default function () { return new Response('yes') }",
        ),
        (
            "async-arrow.js",
            "export default async (request, env, ctx) => new Response(request.method)",
        ),
        (
            "instance.js",
            "class App { #text = 'yes'; fetch() { return new Response(this.#text) } }\n\
             export default new App()",
        ),
        (
            "inherited.js",
            "class Base { fetch() { return new Response(this.text) } }\n\
             class App extends Base { text = 'yes' }\nexport { App as unused };\n\
             const app = new App(); export { app as default }",
        ),
        (
            "bound.js",
            "class App { text = 'yes'; fetch = () => new Response(this.text) }\n\
             export default new App()",
        ),
        (
            "function-with-fetch.js",
            "const app = () => { throw new Error('not this one') };\n\
             app.fetch = () => new Response('yes'); export default app",
        ),
        (
            "awaited.js",
            "const text = await Promise.resolve('yes');\n\
             export default { fetch: async () => new Response(text) }",
        ),
        (
            "commonjs.cjs",
            "module.exports = { fetch() { return new Response('yes') } }",
        ),
        (
            "thenable.js",
            "export default { fetch: () => ({ then(done) { done(new Response('yes')) } }) }",
        ),
    ];
    project(&FORMS).both_ways(|app| {
        for (name, _) in FORMS {
            let want = match name {
                "object.js" => "GET object function",
                "async-arrow.js" => "GET",
                _ => "yes",
            };
            check_text(app, &format!("/{}", name.split_once('.').unwrap().0), want);
        }
    });
}

#[test]
fn a_script_has_any_of_the_names_of_javascript_and_typescript() {
    let site = ["js", "mjs", "jsx", "ts", "mts", "tsx"].iter().fold(
        TestSite::new().file("c/cjs.cjs", "module.exports = () => new Response('cjs')"),
        |site, extension| site.file(&format!("x/{extension}.{extension}"), says(extension)),
    );
    let site = site.file("c/cts.cts", "export = (): Response => new Response('cts')");
    site.both_ways(|app| {
        for extension in ["js", "mjs", "jsx", "ts", "mts", "tsx"] {
            check_text(app, &format!("/x/{extension}"), extension);
            app.get(&format!("/x/{extension}.{extension}"))
                .assert_status(404);
        }
        check_text(app, "/c/cjs", "cjs");
        check_text(app, "/c/cts", "cts");
    });
}

#[test]
fn the_name_of_a_script_is_its_route() {
    let site = project(&[
        ("index.js", &says("root")),
        ("api/index.ts", &says("api")),
        ("api/users/[id].js", &says("user")),
        ("api/users/me.mjs", &says("me")),
        ("api/[...rest].tsx", &says("rest")),
        ("a.b.js", &says("dots")),
    ]);
    site.both_ways(|app| {
        check_text(app, "/", "root");
        check_text(app, "/api", "api");
        check_text(app, "/api/users/7", "user");
        check_text(app, "/api/users/me", "me");
        check_text(app, "/api/users/7/8", "rest");
        check_text(app, "/a.b", "dots");
        app.get("/nowhere").assert_status(404);
    });
}

#[test]
fn in_a_project_scripts_outside_public_and_private_names_are_workers() {
    let site = project(&[
        ("public/app.js", "asset"),
        (
            "api/hello.js",
            "import { text } from '../_lib/text.js'; import '../src/_x.js';\n\
          export default () => new Response(text)",
        ),
        ("_lib/text.js", "export const text = 'hello'"),
        ("src/_x.js", ""),
        ("_private.js", "not even JavaScript"),
        ("types.d.ts", "declare const nothing: string"),
    ]);
    site.both_ways(|app| {
        check_text(app, "/api/hello", "hello");
        check_text(app, "/app.js", "asset");
        for path in [
            "/public/app.js",
            "/_private",
            "/_lib/text",
            "/src/_x",
            "/types.d",
            "/types",
        ] {
            app.get(path).assert_status(404);
        }
    });
    let summary = site.summary(&[]);
    assert!(summary.contains("workers  1\n"), "{summary}");
}

#[test]
fn in_a_site_only_the_scripts_that_wws_toml_names_are_workers() {
    let site = TestSite::with_index()
        .file(
            "wws.toml",
            "[workers]\nscripts = [\"api/**/*.js\", \"more/one.ts\"]\n",
        )
        .file("api/hello.js", says("hello"))
        .file("api/deep/er.js", says("deep"))
        .file("api/deep/er.toml", "limits.time = '5s'")
        .file("api/other.ts", "asset in api")
        .file("more/one.ts", says("one"))
        .file("more/two.ts", "asset in more")
        .file("more/two.toml", "asset = 1")
        .file("app.js", "asset at the root");
    site.both_ways(|app| {
        check_text(app, "/", "<h1>Home</h1>");
        check_text(app, "/api/hello", "hello");
        check_text(app, "/api/deep/er", "deep");
        check_text(app, "/more/one", "one");
        check_text(app, "/api/other.ts", "asset in api");
        check_text(app, "/more/two.ts", "asset in more");
        check_text(app, "/more/two.toml", "asset = 1");
        check_text(app, "/app.js", "asset at the root");
        for path in [
            "/api/hello.js",
            "/more/one.ts",
            "/api/deep/er.toml",
            "/wws.toml",
        ] {
            app.get(path).assert_status(404);
        }
    });
}

#[test]
fn a_pattern_that_matches_no_file_is_refused_with_its_place() {
    #[track_caller]
    fn check(toml: &str, want: &[&str]) {
        let site = TestSite::with_index()
            .file("api/hello.js", says("hello"))
            .file("api/types.d.ts", "")
            .file("wws.toml", toml);
        check_refusal(&site, want);
    }
    check(
        "[workers]\nscripts = [\"api/*.js\", \"functions/*.js\"]\n",
        &["wws.toml:2:24: ", "no file", "\"functions/*.js\""],
    );
    // A star does not go through folders, and types are no worker.
    check(
        "[workers]\nscripts = ['*.js']\n",
        &["wws.toml:2:12: ", "\"*.js\""],
    );
    check(
        "[workers]\nscripts = ['api/*.ts']\n",
        &["wws.toml:2:12: ", "\"api/*.ts\""],
    );
    check(
        "[workers]\nscripts = ['api/[.js']\n",
        &["wws.toml:2:12: ", "api/[.js"],
    );
    check(
        "workers.scripts = []\n",
        &["wws.toml:1:19: ", "\"api/**/*.js\""],
    );
    check(
        "workers.scripts = ['/api/*.js']\n",
        &["wws.toml:1:20: ", "site root"],
    );
    check(
        "[workers]\nscript = 'a'\n",
        &["wws.toml:2:1: ", "\"script\"", "scripts"],
    );
}

#[test]
fn a_script_that_is_only_imported_is_no_worker_and_that_is_said() {
    let site = project(&[
        (
            "api/hello.js",
            "import { text } from '../lib/text.ts';\n\
          import './both.js'; export default () => new Response(text)",
        ),
        ("lib/text.ts", "export const text: string = 'hello'"),
        ("api/both.js", &says("both")),
    ]);
    site.both_ways(|app| {
        check_text(app, "/api/hello", "hello");
        check_text(app, "/api/both", "both");
        app.get("/lib/text").assert_status(404);
    });
    let summary = site.summary(&[]);
    let note = "note     lib/text.ts answers no requests itself: it is a part of the scripts that \
                import it\n";
    assert!(
        summary.contains("workers  2\n") && summary.contains(note),
        "{summary}"
    );
    assert!(!summary.contains("both.js answers no"), "{summary}");
}

#[test]
fn an_asset_that_a_script_imports_is_noted() {
    let site = TestSite::with_index()
        .file("wws.toml", "workers.scripts = ['api/*.js']")
        .file("shared.js", "export const text = 'shared'")
        .file(
            "api/hello.js",
            "import { text } from '../shared.js';\n\
              export default () => new Response(text)",
        );
    site.both_ways(|app| {
        check_text(app, "/api/hello", "shared");
        check_text(app, "/shared.js", "export const text = 'shared'");
    });
    let summary = site.summary(&[]);
    assert!(
        summary.contains("note     shared.js is imported by a worker, and also served"),
        "{summary}"
    );
}

#[test]
fn two_files_for_one_route_are_refused_by_name() {
    let two = project(&[("a.js", &says("a")), ("a.ts", &says("a"))]);
    check_refusal(&two, &["a.js", "a.ts", "rename"]);
    let wasm = TestSite::new()
        .worker("a", "hello")
        .file("a/index.js", says("a"));
    check_refusal(&wasm, &["a.wasm", "a/index.js", "rename"]);
}

#[test]
fn scripts_and_wasm_workers_are_in_one_app() {
    let site = worker("return new Response('script')").worker("hello", "hello");
    site.both_ways(|app| {
        check_text(app, "/w", "script");
        check_text(app, "/hello", "hello from wat");
    });
}

#[test]
fn the_tables_of_scripts_are_refused_beside_wasm() {
    for key in ["reuse = 3", "body = 'text'"] {
        let table = format!("[worker]\n{key}\n");
        let site = TestSite::new().worker("w", "hello").file("w.toml", table);
        check_refusal(&site, &["w.toml:2:1: ", "script", "remove"]);
    }
    #[track_caller]
    fn check(toml: &str, want: &[&str]) {
        check_refusal(&worker("").file("w.toml", toml), want);
    }
    check("[worker]\nreuse = 0\n", &["w.toml:2:9: ", "1 to 1000000"]);
    check("[worker]\nreuse = 'many'\n", &["w.toml:2:9: ", "integer"]);
    check(
        "[worker]\nbody = 'bytes'\n",
        &["w.toml:2:8: ", "\"text\"", "\"stream\""],
    );
    check("[worker]\nreus = 1\n", &["w.toml:2:1: ", "\"reuse\""]);
}

#[test]
fn a_class_where_an_instance_is_meant_is_refused() {
    let class = "export default class { fetch() { return new Response('') } }";
    check_refusal(&project(&[("w.js", class)]), &["w.js", "class", "new"]);
}
