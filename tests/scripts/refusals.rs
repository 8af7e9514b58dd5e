//! Which scripts are refused when a site is bundled, and in which words.

use super::{handler, project, worker};
use crate::support::{TestSite, check_refusal};

/// A script is refused; its place comes first.
#[track_caller]
fn check(source: &str, want: &[&str]) {
    let site = project(&[
        ("api/w.js", source),
        ("api/_helper.js", "export const one = 1, two = 2"),
    ]);
    check_refusal(&site, want);
}

#[test]
fn a_syntax_error_has_its_place_and_its_line() {
    check(
        "export default () => {\n  const a = ;\n}\n",
        &["api/w.js:2:13: ", "const a = ;", "^"],
    );
    check("export default {\n", &["api/w.js:2:1: "]);
    check("let a; let a;\nexport default () => 1", &["api/w.js:1:"]);
    check("export default () => { 'ä'; b c }", &["api/w.js:1:30: "]);
    check_refusal(
        &project(&[("w.ts", "export default (a: ) => 1\n")]),
        &["w.ts:1:20: ", "export default (a: ) => 1"],
    );
    check_refusal(
        &project(&[
            ("w.js", "import d from './d.json'; export default () => d"),
            ("d.json", "{\n a }"),
        ]),
        &["d.json:2:2: "],
    );
}

#[test]
fn an_import_that_leads_nowhere_has_its_place_and_what_to_do() {
    check(
        "import './_helpr.js'\nexport default () => 1",
        &["api/w.js:1:8: ", "\"./_helpr.js\"", "\"./_helper.js\"?"],
    );
    check(
        "\nimport a from 'nowhere'; export default a",
        &["api/w.js:2:15: ", "npm install nowhere"],
    );
    check(
        "import fs from 'node:fs'; export default fs",
        &["api/w.js:1:16: ", "node:fs", "not Node.js"],
    );
    check(
        "import fs from 'fs'; export default fs",
        &["api/w.js:1:16: ", "fs", "not Node.js"],
    );
    check(
        "import a from 'https://esm.sh/x'; export default a",
        &["api/w.js:1:15: ", "resolved when bundling"],
    );
    check(
        "import { three } from './_helper.js'\nexport default () => three",
        &["api/w.js:1:10: ", "three", "api/_helper.js"],
    );
    check(
        "import d from './_helper.js'; export default d",
        &["api/w.js:1:8: ", "no default export"],
    );
}

#[test]
fn what_the_top_level_throws_has_its_place_its_line_and_its_stack() {
    check(
        "const a = 1;\nthrow new TypeError('on purpose');\nexport default () => a",
        &[
            "api/w.js:2:",
            "at its top level",
            "TypeError: on purpose",
            "throw new TypeError('on purpose');",
        ],
    );
    check(
        "export default missing",
        &["api/w.js:1:", "ReferenceError", "missing"],
    );
    check(
        "throw 'a string'; export default 1",
        &["api/w.js", "a string"],
    );
    check(
        "await Promise.reject(new Error('late')); export default 1",
        &["api/w.js:1:", "Error: late"],
    );
    let site = project(&[
        (
            "w.ts",
            "import { call } from './_lib';\ntype A = 1;\nexport default () => 1;\ncall();\n",
        ),
        (
            "_lib.ts",
            "type B = 2;\n\nexport function call(): void {\n  throw new Error('deep');\n}\n",
        ),
    ]);
    check_refusal(
        &site,
        &[
            "_lib.ts:4:",
            "Error: deep",
            "throw new Error('deep');",
            "w.ts:4:",
        ],
    );
}

#[test]
fn a_script_without_a_handler_is_refused_with_what_one_looks_like() {
    let form = "export default";
    check("export const a = 1", &["api/w.js", form, "fetch"]);
    check("", &["api/w.js", form, "fetch"]);
    check(
        "export default {}",
        &[
            "api/w.js",
            "neither a function nor an object with a method `fetch`",
        ],
    );
    check(
        "export default 7",
        &[
            "api/w.js",
            "neither a function nor an object with a method `fetch`",
        ],
    );
    check("export default null", &["api/w.js", form, "fetch"]);
    check("export function fetch() {}", &["api/w.js", form]);
    check("addEventListener('message', () => {})", &["api/w.js", form]);
}

#[test]
fn a_top_level_that_does_not_end_is_refused() {
    check(
        "await new Promise(() => {}); export default () => 1",
        &["api/w.js", "await"],
    );
    check(
        "await new Promise(done => setTimeout(done, 11e3)); export default () => 1",
        &["api/w.js"],
    );
    check(
        "const f = () => setTimeout(f, 0); f(); await new Promise(() => {}); export default f",
        &["api/w.js"],
    );
}

#[test]
fn an_endless_loop_at_the_top_level_is_refused_after_ten_seconds() {
    let site = project(&[("w.js", "export default () => 1; for (;;);")]);
    check_refusal(&site, &["w.js", "top level", "longer than 10s"]);
}

#[test]
fn a_top_level_that_wants_too_much_is_refused() {
    let all =
        "const all = []; for (;;) all.push(new Uint8Array(1 << 20)); export default () => all";
    check(all, &["api/w.js", "`memory`", "128MiB"]);
    let kept = "globalThis.kept = new Uint8Array(80 << 20); export default () => kept";
    check(kept, &["api/w.js", "64MiB"]);
    check(
        "const f = () => f() + 1; f(); export default f",
        &["api/w.js:1:", "RangeError"],
    );
}

#[test]
fn what_has_no_value_yet_is_refused_at_the_top_level() {
    for (expression, named) in [
        ("crypto.randomUUID()", "random"),
        ("crypto.getRandomValues(new Uint8Array(1))", "random"),
        ("await fetch('https://example.org')", "while a request is"),
        ("await kv.get('a')", "while a request is"),
        ("Cache.get('a')", "while a request is"),
    ] {
        let source = format!("const a =\n  {expression};\nexport default () => new Response(a)");
        check(&source, &["api/w.js:2:", named]);
    }
}

#[test]
fn a_file_that_is_too_long_is_refused() {
    let long = format!(
        "/* {} */ export default () => new Response('')",
        "x".repeat(10 << 20)
    );
    check(&long, &["api/w.js", "longer than 4194304 bytes"]);
    // One that is not too long is served.
    let long = format!(
        "const all = [{}];\nexport default () => new Response(all.length)",
        "\"x\", ".repeat(600_000)
    );
    let app = project(&[("w.js", &long)]).bundle().start(&[]);
    assert_eq!(app.get("/w").assert_status(200).text(), "600000");
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let site = TestSite::new().file("api/w.js", b"export default \xff");
    check_refusal(&site, &["api/w.js", "UTF-8"]);
}

#[test]
fn all_problems_of_all_scripts_are_in_one_report() {
    let site = project(&[
        (
            "a.js",
            "import './nowhere.js';\nimport 'missing-package'; export default () => 1",
        ),
        ("b.ts", "export default (: number) => 1"),
        ("c.js", "throw new Error('top'); export default 1"),
        ("d.js", "export const nothing = 1"),
        ("e.js", &handler("")),
        ("e.toml", "nmae = 'e'"),
        ("wws.toml", "[cors]\n"),
    ]);
    let want = [
        "a.js:1:8: ",
        "a.js:2:8: ",
        "b.ts:1:17: ",
        "c.js:1:",
        "d.js",
        "e.toml:1:1: ",
        "wws.toml:1:1: ",
    ];
    check_refusal(&site, &want);
}

#[test]
fn the_only_problem_is_the_only_one_that_is_told() {
    for source in [
        "let a = ;",
        "import './nowhere.js'",
        "throw 1",
        "export const a = 1",
    ] {
        let message = project(&[("w.js", source)]).refusal(&[]);
        let is_alone = message.contains("error: w.js") && !message.contains("problems");
        assert!(is_alone, "{message}");
    }
}

#[test]
fn a_problem_of_a_shared_file_is_told_once() {
    let import = format!("import './_shared.js';\n{}", handler(""));
    let site = project(&[
        ("a.js", &import),
        ("b.js", &import),
        ("_shared.js", "let a = ;"),
    ]);
    let message = site.refusal(&[]);
    assert_eq!(message.matches("_shared.js:1:9").count(), 1, "{message}");
}

#[test]
fn serving_a_folder_refuses_in_the_same_words() {
    let site = worker("return )");
    let app = crate::support::wws()
        .arg(site.path())
        .args(["--port", "0"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&app.stderr);
    assert_eq!(app.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("w.js:1:"), "{stderr}");
}
