//! TypeScript and JSX.

use crate::folder::{Files, check_problem, entry, graph, names, target};

#[test]
fn types_are_stripped_and_typescript_is_compiled() {
    #[track_caller]
    fn check(text: &str, want: &str) {
        let module = entry(&[
            ("a.ts", text),
            ("b.ts", "export const v = 1; export interface T {}"),
        ]);
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(&module.source), want);
    }
    check("export const a: number = 1 as any", "export const a = 1;");
    check("interface A {} type B = A; export {}", "export {};");
    check(
        "import { T, v } from './b'; export const a: T = v",
        "import { v } from \"./b\"; export const a = v;",
    );
    check(
        "import { T } from './b'; export const a: T = 1",
        "export const a = 1;",
    );
    check(
        "import type { T } from 'nowhere'; export type { T }",
        "export {};",
    );
    check(
        "import { type T } from 'nowhere'; export const a = 1",
        "export const a = 1;",
    );
    check("export type A = typeof import('nowhere')", "export {};");
    check(
        "enum A { B, C = 'c' } export { A }",
        "var A = function(A) { A[A[\"B\"] = 0] = \"B\"; A[\"C\"] = \"c\"; return A; }(A || {}); export { A };",
    );
    check(
        "export class A { constructor(private a: string) {} }",
        "export class A { a; constructor(a) { this.a = a; } }",
    );
    check(
        "namespace N { export const x = 1 } export const y = N.x",
        "let N; (function(_N) { const x = _N.x = 1; })(N || (N = {})); export const y = N.x;",
    );
    check(
        "import b = require('./b'); export = b.v",
        "const b = require(\"./b\"); module.exports = b.v;",
    );
    check(
        "export const a = process.env.NODE_ENV",
        "export const a = \"production\";",
    );
    check(
        "export abstract class A<T> { declare a: T; abstract b(): void; c!: T }",
        "export class A { c; }",
    );
    check(
        "export function f(a: string): void; export function f(a: any) {}",
        "export function f(a) {}",
    );
    check(
        "export class A { static #a = 1; static { A.#a ??= 2 } }",
        "export class A { static #a = 1; static { A.#a ??= 2; } }",
    );
    check("/*! license */ /* not */ let a", "/*! license */ let a;");
}

#[test]
fn verbatim_module_syntax_keeps_imports() {
    let files: Files<'_> = &[
        (
            "a.ts",
            "import { v } from './b'; import type { T } from './c'; export {}",
        ),
        ("b.ts", "export const v = 1"),
        (
            "tsconfig.json",
            r#"{ "compilerOptions": { "verbatimModuleSyntax": true, }, /* x */ }"#,
        ),
    ];
    assert_eq!(names(files), ["a.ts", "b.ts"]);
    assert_eq!(names(&files[..2]), ["a.ts"]);
}

#[test]
fn positions_of_compiled_text_lead_to_the_file() {
    let text =
        "type A = 1;\n\n// 😀\nexport function f(a: A): void {\n  throw new Error('😀' + a); }\n";
    let module = entry(&[("a.ts", text)]);
    assert!(module.mappings.is_sorted());
    let (line, column) = module
        .source
        .lines()
        .zip(1..)
        .find_map(|(text, line)| Some((line, text[..text.find("new")?].chars().count() + 1)))
        .unwrap();
    let column = u32::try_from(column).unwrap();
    assert_eq!(module.original_position(line, column), (5, 9));
    assert_eq!(
        module.original_line(5),
        Some("  throw new Error('😀' + a); }")
    );
    // Behind an emoji.
    let line_text = module
        .source
        .lines()
        .nth(usize::try_from(line).unwrap() - 1)
        .unwrap();
    let column = line_text[..line_text.find("+ a").unwrap()].chars().count() + 3;
    assert_eq!(
        module.original_position(line, u32::try_from(column).unwrap()),
        (5, 25)
    );
}

#[test]
fn jsx_gets_its_library_from_pragma_configuration_or_what_is_installed() {
    const JSX: &str = "export default () => <a b=\"c\">d</a>";
    fn library(name: &str) -> [(String, String); 2] {
        let folder = format!("../node_modules/{name}");
        [
            (
                format!("{folder}/package.json"),
                "{ \"type\": \"module\" }".to_owned(),
            ),
            (
                format!("{folder}/jsx-runtime.js"),
                "export const jsx = 1, jsxs = 2, Fragment = 3".to_owned(),
            ),
        ]
    }
    #[track_caller]
    fn check(text: &str, config: Option<(&str, &str)>, libraries: &[&str], want: &str) {
        let libraries: Vec<(String, String)> =
            libraries.iter().flat_map(|name| library(name)).collect();
        let mut files = vec![("app/a.jsx", text)];
        files.extend(config);
        files.extend(libraries.iter().map(|(name, text)| (&**name, &**text)));
        assert_eq!(names(&files).get(1).map(String::as_str), Some(want));
    }
    let runtime = |name: &str| format!("../node_modules/{name}/jsx-runtime.js");
    let all = ["preact", "react", "other"];
    check(JSX, None, &all, &runtime("preact"));
    check(JSX, None, &["react"], &runtime("react"));
    let pragma = format!("/** @jsxImportSource other */\n{JSX}");
    check(&pragma, None, &all, &runtime("other"));
    let options = r#"{ "compilerOptions": { "jsxImportSource": "other" } }"#;
    check(
        JSX,
        Some(("tsconfig.json", options)),
        &all,
        &runtime("other"),
    );
    check(
        JSX,
        Some(("app/jsconfig.json", options)),
        &all,
        &runtime("other"),
    );
    // One that does not include the file is the nearest nevertheless.
    let elsewhere = r#"{ "include": ["src"], "compilerOptions": { "jsxImportSource": "other" } }"#;
    check(
        JSX,
        Some(("tsconfig.json", elsewhere)),
        &all,
        &runtime("other"),
    );
    let classic = r#"{ "compilerOptions": { "jsx": "react", "jsxFactory": "h" } }"#;
    check(
        &pragma,
        Some(("tsconfig.json", classic)),
        &all,
        &runtime("other"),
    );
}

#[test]
fn classic_jsx_calls_what_the_file_imports() {
    #[track_caller]
    fn check(name: &str, text: &str, config: &str, want: &str) {
        let module = entry(&[
            (name, text),
            ("tsconfig.json", config),
            ("h.ts", "export const h = 1, Fragment = 2"),
        ]);
        assert!(module.source.ends_with(want), "{}", module.source);
        assert_eq!(module.imports, [("./h".to_owned(), 1)]);
    }
    let import = "import { h, Fragment } from './h';";
    let options = r#"{ "compilerOptions": { "jsx": "react", "jsxFactory": "h", "jsxFragmentFactory": "Fragment" } }"#;
    let want = "export default h(Fragment, null, h(\"a\", null));\n";
    check(
        "a.tsx",
        &format!("{import} export default <><a/></>"),
        options,
        want,
    );
    let pragmas = "/** @jsx h */ /** @jsxFrag Fragment */";
    check(
        "a.tsx",
        &format!("{pragmas} {import} export default <><a/></>"),
        "{}",
        want,
    );
    check(
        "a.jsx",
        &format!("{pragmas} {import} export default <><a/></>"),
        "{}",
        want,
    );
}

#[test]
fn javascript_with_jsx_is_compiled_and_all_other_is_not() {
    let jsx = "/** @jsx h */\nlet h; export default <a:b/>;  ;";
    assert!(!entry(&[("a.js", jsx)]).mappings.is_empty());
    assert!(entry(&[("a.js", jsx)]).source.contains("h(\"a:b\", null)"));
    assert!(entry(&[("a.jsx", "let  a")]).source.contains("let  a"));
}

#[test]
fn commonjs_with_jsx_requires_its_library() {
    let files: Files<'_> = &[
        ("a.cjs", "module.exports = <a/>"),
        ("node_modules/react/jsx-runtime.js", "exports.jsx = 1"),
    ];
    assert_eq!(
        target(files, "react/jsx-runtime"),
        "node_modules/react/jsx-runtime.js"
    );
    assert!(
        graph(files).modules[0]
            .source
            .contains("require(\"react/jsx-runtime\")")
    );
}

#[test]
fn what_cannot_be_compiled_is_refused_where_it_stands() {
    check_problem(
        &[("a.ts", "let a;\n@dec class A {}")],
        &["a.ts:2:1: decorators cannot"],
    );
    check_problem(
        &[("a.ts", "class A { @dec() a = 1 }")],
        &["a.ts:1:11: decorators cannot"],
    );
    check_problem(
        &[("a.js", "class A { accessor a = 1 }")],
        &["a.js:1:11: `accessor`"],
    );
    check_problem(
        &[("a.ts", "export namespace A { export let x = 1 }")],
        &["a.ts:1:33: a namespace can only export constants"],
    );
    check_problem(
        &[
            ("a.ts", "import b = require('./b'); export const a = b"),
            ("b.ts", ""),
        ],
        &["a.ts:1:1: Import assignment cannot be used"],
    );
    check_problem(
        &[("a.mts", "export = 1")],
        &["a.mts:1:1: Export assignment cannot be used"],
    );
    check_problem(
        &[
            ("a.cts", "let a;\nimport { b } from './b';\nb()"),
            ("b.ts", "export function b() {}"),
        ],
        &["a.cts:2:1: this file is CommonJS by its name", ".mts"],
    );
    check_problem(
        &[("a.cjs", "import './b'"), ("b.js", "")],
        &["a.cjs:1:1: Cannot use import statement"],
    );
    check_problem(
        &[("a.jsx", "\nexport default <a/>")],
        &["a.jsx:2:16: JSX needs a library here", "npm install react"],
    );
    check_problem(&[("a.ts", "let a = <b>c</b>")], &["a.ts:1:"]);
}
