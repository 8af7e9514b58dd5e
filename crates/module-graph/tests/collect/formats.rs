//! ECMAScript module or CommonJS; what is handed on as it is, and what is overwritten.

use module_graph::ModuleKind;

use crate::folder::{Files, entry, graph};

const MODULE: (&str, &str) = ("package.json", r#"{ "type": "module" }"#);
const COMMONJS: (&str, &str) = ("package.json", r#"{ "type": "commonjs" }"#);

#[test]
fn the_name_and_package_json_and_the_text_decide_the_format() {
    #[track_caller]
    fn check(files: Files<'_>, want: &str) {
        let format = match entry(files).kind {
            ModuleKind::Esm => "esm",
            ModuleKind::CommonJs { .. } => "commonjs",
            ModuleKind::Json => "json",
        };
        assert_eq!(format, want);
    }
    check(&[("a.mjs", "")], "esm");
    check(&[("a.mts", "")], "esm");
    check(&[("a.cjs", "")], "commonjs");
    check(&[("a.cts", "")], "commonjs");
    check(&[("a.json", "{}")], "json");
    check(&[("a.js", ""), MODULE], "esm");
    check(&[("a.ts", "module.exports = 1"), MODULE], "esm");
    check(&[("a/b/c.js", "module.exports = 1"), MODULE], "esm");
    check(
        &[
            ("a/b.js", "module.exports = 1"),
            MODULE,
            ("a/package.json", "{}"),
        ],
        "commonjs",
    );
    check(&[("a.js", "module.exports = 1")], "commonjs");
    check(&[("a.js", "exports.x = 1")], "commonjs");
    check(&[("a.js", "require('./b')"), ("b.js", "")], "commonjs");
    check(&[("a.js", "export {}")], "esm");
    check(&[("a.js", "import './b'"), COMMONJS, ("b.js", "")], "esm");
    check(&[("a.js", "import.meta.url")], "esm");
    check(&[("a.js", "await 1; module.exports")], "esm");
    check(
        &[("a.ts", "const x = require('./b')"), ("b.js", "")],
        "commonjs",
    );
    check(&[("a.ts", "export = 1")], "commonjs");
    check(&[("a.ts", "export const x = 1")], "esm");
    // Entries without imports and exports.
    check(&[("a.js", "addEventListener('fetch', () => {})")], "esm");
    check(
        &[("a.js", "addEventListener('fetch', () => {})"), COMMONJS],
        "esm",
    );
    check(&[("a.js", "{ const require = 1; require + 1 }")], "esm");
    check(&[("a.js", "with (a) b")], "commonjs");
    check(&[("a.js", "return 1")], "commonjs");
}

#[test]
fn an_imported_script_without_imports_and_exports_is_commonjs() {
    let graph = graph(&[
        ("a.mjs", "import './b.js'"),
        ("b.js", "globalThis.x = 1; return"),
    ]);
    assert!(matches!(graph.modules[1].kind, ModuleKind::CommonJs { .. }));
}

#[test]
fn plain_javascript_is_handed_on_as_it_is() {
    #[track_caller]
    fn check(text: &str, want: &str) {
        let module = entry(&[("a.js", text)]);
        assert_eq!(module.source, want);
        assert_eq!(module.original, text.trim_start_matches('\u{feff}'));
        assert_eq!(module.mappings, []);
        assert_eq!(module.source.len(), module.original.len());
        assert_eq!(module.original_position(3, 4), (3, 4));
    }
    check("", "");
    check("export  default 1 ;// x\r\n", "export  default 1 ;// x\r\n");
    check("\u{feff}let a", "let a");
    check("#!/usr/bin/env node\nlet a", "///usr/bin/env node\nlet a");
    check("a = process.env.NODE_ENV", "a = \"production\"        ");
    check("a(process.env['NODE_ENV'])", "a(\"production\"           )");
    check("a(process?.env?.NODE_ENV)", "a(\"production\"          )");
    check(
        "ä(process.env.NODE_ENV.length)",
        "ä(\"production\"        .length)",
    );
    check("`${process.env.NODE_ENV}`", "`${\"production\"        }`");
    for same in [
        "process.env.NODE_ENV = 1",
        "[process.env.NODE_ENV] = []",
        "process.env.NODE_ENV++",
        "delete process.env.NODE_ENV",
        "'process.env.NODE_ENV'",
        "/process.env.NODE_ENV/",
        "let process; process.env.NODE_ENV",
        "a.process.env.NODE_ENV",
        "process.env.NODE_ENVS",
        "process.env",
        "() => { return process\n.env.NODE_ENV }",
    ] {
        check(same, same);
    }
}

#[test]
fn what_handles_requests_looks_like_an_entry() {
    #[track_caller]
    fn check(name: &str, text: &str, want: bool) {
        assert_eq!(entry(&[(name, text)]).is_entry_like, want, "{text}");
    }
    check("a.js", "export default {}", true);
    check("a.js", "const a = 1; export { a as default }", true);
    check(
        "a.ts",
        "export default { fetch() {} } satisfies object",
        true,
    );
    check("a.js", "addEventListener('fetch', f)", true);
    check("a.js", "self.addEventListener('fetch', f)", true);
    check("a.js", "globalThis.addEventListener('fetch', f)", true);
    check("a.cjs", "module.exports = {}", true);
    check("a.cjs", "exports.default = {}", true);
    check("a.js", "export const fetch = 1", false);
    check("a.js", "button.addEventListener('click', f)", false);
    check("a.js", "let self; self.addEventListener('click', f)", false);
    check("a.cjs", "exports.x = 1", false);
    check("a.ts", "type A = 1; export default A", false);
    check("a.json", "{}", false);
}

#[test]
fn json_is_a_module_with_and_without_the_attribute() {
    let files: Files<'_> = &[
        (
            "a.js",
            "import a from './b.json'; import b from './c.json' with { type: 'json' }",
        ),
        ("b.json", "\u{feff}{\"a\": 1}\n"),
        ("c.json", "[]"),
    ];
    let modules = graph(files).modules;
    assert_eq!(modules[1].kind, ModuleKind::Json);
    assert_eq!(modules[1].source, "{\"a\": 1}\n");
    assert_eq!(modules[2].name, "c.json");
}
