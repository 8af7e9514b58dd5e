//! What is wrong, where, and in which words.

use std::fs;

use crate::folder::{Files, Folder, check_problem, listed, problems};

#[test]
fn a_specifier_that_leads_nowhere_says_what_to_do() {
    #[track_caller]
    fn check(specifier: &str, want: &[&str]) {
        let text = format!("export {{}}\nimport * as a from \"{specifier}\"");
        let files: Files<'_> = &[
            ("api/a.js", &text),
            ("api/hello.ts", ""),
            ("api/style.css", ""),
            ("api/m.wasm", ""),
            (
                "../node_modules/p/package.json",
                r#"{ "exports": { ".": { "node": "./x.js" } } }"#,
            ),
            ("../node_modules/q/package.json", "{}"),
            ("../node_modules/broken/package.json", "{\n  oops }"),
            (
                "../node_modules/odd/package.json",
                r#"{ "exports": { ".": "x", "a": "y" } }"#,
            ),
        ];
        let mut want = want.to_vec();
        want.push("api/a.js:2:20: ");
        check_problem(files, &want);
    }
    check(
        "./helo",
        &[
            "there is no \"./helo\"",
            "api/helo",
            ".ts",
            "mean \"./hello.ts\"?",
        ],
    );
    check("./Hello", &["mean \"./hello.ts\"?"]);
    check("../nowhere/x", &["no file nowhere/x"]);
    check("./x.js", &["no file api/x.js"]);
    check(
        "nowhere",
        &[
            "no node_modules folder of api/ or above",
            "`npm install nowhere`",
        ],
    );
    check("@a/b/c", &["package \"@a/b\"", "`npm install @a/b`"]);
    check("hello", &["`npm install hello`, or write \"./hello\""]);
    check("@/x", &["no alias", "\"paths\" in the tsconfig.json"]);
    check("~/x", &["no alias"]);
    check("#x", &["\"#x\"", "\"imports\""]);
    check(
        "p",
        &[
            "not for workers",
            "\"exports\" in ../node_modules/p/package.json",
            "workerd",
        ],
    );
    check("p/sub", &["not for workers"]);
    check("q", &["installed in ../node_modules/q", "leads to no file"]);
    check("q/sub", &["package in ../node_modules/q has no such file"]);
    check(
        "broken",
        &["../node_modules/broken/package.json:2:", "not JSON"],
    );
    check(
        "odd",
        &[
            "../node_modules/odd/package.json",
            "not as Node.js defines it",
        ],
    );
    check("./style.css", &["api/style.css is a style sheet"]);
    check("./m.wasm", &["api/m.wasm is WebAssembly"]);
    check("./hello.ts?raw", &["query"]);
    check("", &["empty"]);
    check("/etc/passwd", &["one machine"]);
    check("https://esm.sh/x", &["resolved when bundling"]);
    check("npm:hono@4", &["`npm install hono`"]);
    check("jsr:@a/b", &["`npx jsr add @a/b`"]);
    check("cloudflare:workers", &["another runtime"]);
    check("data:text/javascript,1", &["write a file"]);
    check("node:fs", &["not Node.js"]);
}

#[test]
fn all_problems_of_all_files_come_at_once_in_the_order_of_the_graph() {
    let found = problems(&[
        (
            "a.js",
            "import './b'; import 'nowhere'; import { x } from './d'; import './c.json'",
        ),
        ("b.js", "let a = ;"),
        ("c.json", "{"),
        ("d.js", "export const y = 1; import './e'"),
        ("e.js", "let a; let a; export {}"),
    ]);
    let places: Vec<&str> = found
        .iter()
        .map(|problem| &problem[..problem.find(": ").unwrap()])
        .collect();
    let want = [
        "a.js:1:22",
        "a.js:1:42",
        "b.js:1:9",
        "d.js:1:1",
        "e.js:1:5",
        "c.json:1:1",
    ];
    let want: Vec<&str> = want
        .into_iter()
        .filter(|place| *place != "d.js:1:1")
        .collect();
    assert_eq!(places, want, "{found:#?}");
}

#[test]
fn syntax_errors_have_positions_and_do_not_hide_what_is_imported() {
    check_problem(&[("a.js", "let a = 1;\nlet ä = b c;")], &["a.js:2:10: "]);
    check_problem(&[("a.ts", "let a: = 1")], &["a.ts:1:8: "]);
    check_problem(&[("a.js", "export const a = /(/")], &["a.js:1:"]);
    check_problem(&[("a.mjs", "with (a) b")], &["a.mjs:1:1: "]);
    let found = problems(&[
        ("a.js", "import './b'; let a; let a;"),
        ("b.js", "let c; let c;"),
    ]);
    assert_eq!(found.len(), 2, "{found:#?}");
    let many: String = (0..30)
        .map(|place| format!("let a{place}; let a{place};\n"))
        .collect();
    assert_eq!(problems(&[("a.mjs", &many)]).len(), 10);
}

#[test]
fn a_problem_shows_its_line() {
    let folder = Folder::new(&[("a.js", "let a;\n\timport('nowhere');\n")]);
    let problem = folder.collect("a.js").unwrap_err().remove(0).to_string();
    let lines: Vec<&str> = problem.lines().skip(1).collect();
    assert_eq!(lines, ["     import('nowhere');", "            ^"]);
}

#[test]
fn an_entry_that_is_not_there_is_a_problem() {
    check_problem(&[("a.css", "")], &["a.css:1:1: a.css is a style sheet"]);
    let folder = Folder::new(&[]);
    for entry in ["nowhere.js", "", ".", "../site"] {
        let problem = folder.collect(entry).unwrap_err().remove(0);
        assert_eq!((&*problem.file, problem.excerpt), (entry, None));
    }
    let nowhere = module_graph::collect(&folder.path("nowhere"), "a.js")
        .unwrap_err()
        .remove(0);
    assert!(nowhere.message.contains("folder of the site"), "{nowhere}");
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_at_the_import() {
    let folder = Folder::new(&[("a.js", "import './b';\nimport './c.js'")]);
    folder.write("b.js", b"let a = '\xff'");
    fs::create_dir(folder.path("c.js")).unwrap();
    let found = listed(&folder.collect("a.js").unwrap_err());
    assert!(
        found[0].contains("a.js:1:8: b.js is not UTF-8: the byte at 9"),
        "{found:#?}"
    );
    assert!(
        found[1].contains("a.js:2:8: there is no \"./c.js\""),
        "{found:#?}"
    );
}

#[test]
fn a_broken_configuration_is_one_problem() {
    check_problem(
        &[
            ("a.ts", "import './b'"),
            ("b.ts", ""),
            ("tsconfig.json", "{\n oops }"),
        ],
        &["tsconfig.json:2:", "cannot be read"],
    );
    check_problem(
        &[
            ("a.ts", ""),
            ("tsconfig.json", r#"{ "extends": "not-installed" }"#),
        ],
        &["tsconfig.json:1:1: ", "install or remove"],
    );
    check_problem(
        &[
            ("a.ts", ""),
            ("tsconfig.json", r#"{ "extends": "./tsconfig.json" }"#),
        ],
        &["tsconfig.json:1:1: ", "itself"],
    );
}

#[test]
fn wrong_json_is_a_problem_with_its_position() {
    check_problem(
        &[
            ("a.js", "import a from './b.json'"),
            ("b.json", "{\n  \"a\": 1,\n}"),
        ],
        &["b.json:3:1: this is not JSON"],
    );
}
