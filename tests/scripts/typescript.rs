//! TypeScript and JSX.

use super::project;
use crate::support::{RunningApp, check_refusal};

#[track_caller]
fn check_text(app: &RunningApp, path: &str, want: &str) {
    assert_eq!(app.get(path).text(), want, "{}", app.log());
}

#[test]
fn what_only_typescript_has_is_compiled() {
    let source = r#"
        import type { Thing } from "./_types";
        import { type Other, LIMIT } from "./_types";

        enum Color { Red, Green = "green", Blue = 1 << 2 }
        const enum Size { Small = 1, Large = Small + 1 }
        namespace Shapes { export const round = "round"; }
        declare const nowhere: string;

        abstract class Base<T extends object = Thing> {
            constructor(protected readonly value: T, public name?: string) {}
            abstract text(): string;
        }
        class Point extends Base<{ x: number }> implements Other {
            declare hidden: number;
            override text(): string { return `${this.value!.x}${this.name ?? "?"}`; }
        }
        function first<const T>(list: readonly T[]): T | undefined { return list[0]; }
        function overloaded(a: string): string;
        function overloaded(a: number): string;
        function overloaded(a: string | number): string { return String(a); }

        const settings = { a: 1 } satisfies Record<string, number>;
        const parts: unknown[] = [
            Color.Red, Color.Green, Color.Blue, Color[4], Size.Large, Shapes.round,
            new Point({ x: 7 }, "p").text(), first(["one"]) as string, <number>settings.a,
            overloaded(3), LIMIT!, Object.keys(new Point({ x: 1 })).join("+"),
        ];
        export default { async fetch(this: unknown, _: Request): Promise<Response> {
            return new Response(parts.join(" "));
        } };
    "#;
    let types = "export interface Thing { a: string }\nexport type Other = { text(): string };\n\
        export const LIMIT: number = 9;";
    project(&[("w.ts", source), ("_types.ts", types)]).both_ways(|app| {
        check_text(app, "/w", "0 green 4 Blue 2 round 7p one 1 3 9 value+name");
    });
}

#[test]
fn jsx_calls_what_its_file_or_tsconfig_says() {
    let h = "export const h = (tag, props, ...children) => typeof tag === 'function' \
             ? tag({ ...props, children }) \
             : `<${tag}${Object.entries(props ?? {}).map(([k, v]) => ` ${k}=\"${v}\"`).join('')}>\
             ${children.flat(9).join('')}</${tag}>`;\n\
             export const Fragment = ({ children }) => children.flat(9).join('');";
    let page = "function Item({ n }: { n: number }) { return <li>{n * 2}</li> }\n\
        const page = <><ul class=\"list\">{[1, 2].map((n) => <Item n={n} />)}</ul>&copy; <b>x</b></>;\n\
        export default () => new Response(page);";
    let want = "<ul class=\"list\"><li>2</li><li>4</li></ul>\u{a9} <b>x</b>";

    let classic = format!(
        "/** @jsx h @jsxFrag Fragment */\nimport {{ h, Fragment }} from './_h.js';\n{page}"
    );
    project(&[("w.tsx", &classic), ("_h.js", h)]).both_ways(|app| check_text(app, "/w", want));

    let tsconfig = r#"{ "compilerOptions": { /* as React was */ "jsx": "react", "jsxFactory": "h",
        "jsxFragmentFactory": "Fragment" } }"#;
    let classic = format!("import {{ h, Fragment }} from './_h.js';\n{page}");
    let files = [
        ("w.tsx", classic.as_str()),
        ("_h.js", h),
        ("tsconfig.json", tsconfig),
    ];
    project(&files).both_ways(|app| check_text(app, "/w", want));

    let runtime = "import { h, Fragment } from '../../_h.js'; export { Fragment };\n\
        export const jsx = (tag, { children = [], ...props }) => h(tag, props, ...[children].flat());\n\
        export const jsxs = jsx;";
    let automatic = format!("/** @jsxImportSource tiny */\n{page}");
    let tiny = r#"{"type":"module","exports":{"./jsx-runtime":"./runtime.js"}}"#;
    let files = [
        ("_h.js", h),
        ("node_modules/tiny/package.json", tiny),
        ("node_modules/tiny/runtime.js", runtime),
    ];
    project(&[&[("w.tsx", automatic.as_str())], &files[..]].concat())
        .both_ways(|app| check_text(app, "/w", want));

    let tsconfig = r#"{ "compilerOptions": { "jsx": "react-jsx", "jsxImportSource": "tiny" } }"#;
    project(&[&[("w.tsx", page), ("tsconfig.json", tsconfig)], &files[..]].concat())
        .both_ways(|app| check_text(app, "/w", want));
}

#[test]
fn paths_of_a_tsconfig_lead_to_files() {
    let tsconfig =
        r##"{ "compilerOptions": { "paths": { "@/*": ["./_src/*"], "~one": ["./_one.ts"], }, } }"##;
    let source = "import { a } from '@/a'; import { one } from '~one';\n\
        export default () => new Response(a + one)";
    let site = project(&[
        ("w.ts", source),
        ("_src/a.ts", "export const a: string = 'a'"),
        ("_one.ts", "export const one: number = 1"),
        ("tsconfig.json", tsconfig),
    ]);
    site.both_ways(|app| check_text(app, "/w", "a1"));
}

#[test]
fn decorators_are_refused_with_their_place() {
    let source = "const note = (target: object, name: string) => {};\n\
        class A {\n  @note method() {}\n}\nexport default () => new A()";
    let tsconfig = r#"{ "compilerOptions": { "experimentalDecorators": true } }"#;
    for tsconfig in [tsconfig, "{}"] {
        let site = project(&[("w.ts", source), ("tsconfig.json", tsconfig)]);
        check_refusal(&site, &["w.ts:3:3: ", "decorators", "@note method() {}"]);
    }
}
