//! What a script imports: files, JSON, packages.

use super::project;

/// Each file answers 200 with what is said here.
#[track_caller]
fn check(files: &[(&str, &str)], want: &str) {
    project(files).both_ways(|app| {
        let answer = app.get("/w");
        assert_eq!(answer.text(), want, "{}", app.log());
        answer.assert_status(200);
    });
}

#[test]
fn relative_imports_find_files_with_and_without_extension() {
    check(
        &[
            (
                "w.js",
                "import a from './_lib/a.js'; import b from './_lib/b'; import c from './_lib';\n\
                 import * as d from './_lib/d.ts'; import e from './_lib/e.js';\n\
                 export { default as f } from './_lib/a.js';\n\
                 export default () => new Response([a, b, c, d.d, e].join(' '))",
            ),
            ("_lib/a.js", "export default 'a'"),
            ("_lib/b.ts", "const b: string = 'b'; export default b"),
            (
                "_lib/index.js",
                "export { c as default } from '../_other/c.js'",
            ),
            ("_other/c.js", "export const c = 'c'"),
            ("_lib/d.ts", "export const d = 'd' as const"),
            // TypeScript writes the name that the file will have.
            ("_lib/e.ts", "export default 'e'"),
        ],
        "a b c d e",
    );
}

#[test]
fn json_is_imported_as_a_value() {
    check(
        &[
            (
                "w.js",
                "import data from './data.json'; import other from './_other.js';\n\
                 import typed from './data.json' with { type: 'json' };\n\
                 export default () => new Response(`${data.list[1]} ${data === other} ${typed.list[0]}`)",
            ),
            ("_other.js", "export { default } from './data.json'"),
            (
                "data.json",
                r#"{ "list": [1, "zwei", { "__proto__": 3 }] }"#,
            ),
        ],
        "zwei true 1",
    );
}

#[test]
fn modules_are_evaluated_once_in_order_and_may_be_circular() {
    check(
        &[
            (
                "w.js",
                "import { order } from './_order.js'; import './_a.js'; import './_b.js';\n\
                 export default () => new Response(order.join(' '))",
            ),
            ("_order.js", "export const order = []"),
            (
                "_a.js",
                "import { order } from './_order.js'; import { b } from './_b.js';\n\
                 order.push('a', b()); export function a() {}",
            ),
            (
                "_b.js",
                "import { order } from './_order.js'; import { a } from './_a.js';\n\
                 order.push('b'); export const b = () => typeof a",
            ),
        ],
        "b a function",
    );
}

#[test]
fn a_module_is_imported_when_a_request_asks_for_it() {
    check(
        &[
            (
                "w.js",
                "export default async () => { const before = typeof evaluated;\n\
                 const { text } = await import('./_late.js');\n\
                 return new Response(`${before} ${text}`) }",
            ),
            (
                "_late.js",
                "globalThis.evaluated = true; export const text = 'late'",
            ),
        ],
        "undefined late",
    );
}

#[test]
fn what_a_package_asks_of_its_environment_is_production() {
    check(
        &[
            (
                "w.js",
                "import { a } from 'a'; export default () => new Response(a)",
            ),
            (
                "node_modules/a/index.js",
                "if (process.env.NODE_ENV === 'production') module.exports = require('./p.js');\n\
                 else module.exports = require('./missing.js');",
            ),
            (
                "node_modules/a/p.js",
                "exports.a = typeof process + process.env.NODE_ENV",
            ),
        ],
        "undefinedproduction",
    );
}

#[test]
fn packages_are_found_in_node_modules() {
    let modules = [
        // ECMAScript modules, by `type` and by `module`.
        (
            "node_modules/esm/package.json",
            r#"{"type":"module","main":"lib.js"}"#,
        ),
        (
            "node_modules/esm/lib.js",
            "export const a = 'esm'; export default 'default'",
        ),
        (
            "node_modules/old/package.json",
            r#"{"main":"main.js","module":"module.js"}"#,
        ),
        (
            "node_modules/old/module.js",
            "export { a } from './part.js'",
        ),
        ("node_modules/old/part.js", "export const a = 'module'"),
        (
            "node_modules/old/main.js",
            "throw new Error('not this one')",
        ),
        // CommonJS, whose names are found in its text.
        ("node_modules/cjs/package.json", "{}"),
        (
            "node_modules/cjs/index.js",
            "'use strict'; const { join } = require('./lib/join'); const { deep } = require('deep');\n\
             exports.a = join('cjs', deep); exports.b = require('./data.json').b;\n\
             module.exports.c = typeof __filename + typeof this",
        ),
        (
            "node_modules/cjs/lib/join.js",
            "exports.join = (...parts) => parts.join('+')",
        ),
        ("node_modules/cjs/data.json", r#"{"b":"json"}"#),
        (
            "node_modules/cjs/node_modules/deep/index.js",
            "module.exports = { deep: 'deep' }",
        ),
        // Compiled to CommonJS from an ECMAScript module.
        (
            "node_modules/was-esm/index.js",
            "Object.defineProperty(exports, '__esModule', { value: true });\n\
             exports.a = 'was esm'; exports.default = 'its default'",
        ),
        // A map of exports.
        (
            "node_modules/@scope/map/package.json",
            r#"{"name":"@scope/map","exports":{
                ".":{"types":"./x.d.ts","node":"./node.js","import":"./import.mjs","require":"./node.js"},
                "./sub":{"workerd":"./workerd.mjs","default":"./node.js"},
                "./files/*":"./lib/*.mjs"}}"#,
        ),
        (
            "node_modules/@scope/map/import.mjs",
            "export const a = 'import'",
        ),
        (
            "node_modules/@scope/map/workerd.mjs",
            "export const a = 'workerd'",
        ),
        (
            "node_modules/@scope/map/lib/x.mjs",
            "export const a = 'file'",
        ),
        (
            "node_modules/@scope/map/node.js",
            "throw new Error('not this one')",
        ),
    ];
    #[track_caller]
    fn check_package(modules: &[(&str, &str)], imports: &str, result: &str, want: &str) {
        let source = format!("{imports}; export default () => new Response({result})");
        check(&[&[("w.js", source.as_str())], modules].concat(), want);
    }
    let check_package =
        |imports: &str, result: &str, want: &str| check_package(&modules, imports, result, want);
    check_package("import d, { a } from 'esm'", "a + ' ' + d", "esm default");
    check_package("import { a } from 'old'", "a", "module");
    check_package(
        "import { a, b, c } from 'cjs'",
        "a + b + c",
        "cjs+deepjsonstringobject",
    );
    check_package("import cjs from 'cjs'", "cjs.a", "cjs+deep");
    check_package(
        "import * as all from 'cjs'",
        "Object.keys(all).join()",
        "a,b,c,default",
    );
    check_package(
        "import d, { a } from 'was-esm'",
        "a + ', ' + d",
        "was esm, its default",
    );
    check_package("import { a } from '@scope/map'", "a", "import");
    check_package("import { a } from '@scope/map/sub'", "a", "workerd");
    check_package("import { a } from '@scope/map/files/x'", "a", "file");
}

#[test]
fn a_package_lies_in_a_folder_above_the_script() {
    check(
        &[
            ("w.js", "export { default } from './_deep/er/w.js'"),
            (
                "_deep/er/w.js",
                "import { a } from 'a'; export default () => new Response(a)",
            ),
            ("node_modules/a/index.mjs", "export const a = 'a'"),
            (
                "node_modules/a/package.json",
                r#"{"exports":"./index.mjs"}"#,
            ),
        ],
        "a",
    );
}

#[test]
fn packages_are_no_workers_and_no_assets() {
    let site = project(&[
        ("w.js", "import 'a'; export default () => new Response('w')"),
        (
            "node_modules/a/index.js",
            "module.exports = () => new Response('a')",
        ),
        ("node_modules/unused/index.js", "this is not JavaScript"),
        ("package.json", "{}"),
    ]);
    site.both_ways(|app| {
        app.get("/w").assert_status(200);
        for path in [
            "/node_modules/a",
            "/node_modules/a/index.js",
            "/package.json",
            "/package",
        ] {
            app.get(path).assert_status(404);
        }
    });
    let summary = site.summary(&[]);
    assert!(summary.contains("workers  1\n"), "{summary}");
}
