//! Names that modules take from each other.

use crate::folder::{Files, check_problem, graph};

#[test]
fn a_name_that_is_not_exported_is_a_problem_where_it_is_taken() {
    #[track_caller]
    fn check(text: &str, want: &[&str]) {
        let files: Files<'_> = &[
            ("a.ts", text),
            (
                "b.ts",
                "export const hello = 1; export function add() {} export default 2",
            ),
            (
                "star.ts",
                "export * from './b'; export class Own {} export * from './star'",
            ),
            (
                "types.ts",
                "export interface T {} export type U = 1; export const v = 1",
            ),
            ("nothing.ts", "export {}"),
        ];
        check_problem(files, want);
    }
    check(
        "import { x } from './b'; x",
        &["a.ts:1:10: b.ts exports no x", "add, default, hello"],
    );
    check(
        "import { helo as y } from './b'; y",
        &["a.ts:1:10: ", "did you mean hello?"],
    );
    check("export { x } from './b'", &["a.ts:1:10: b.ts exports no x"]);
    check(
        "import { x } from './star'; x",
        &["Own, add, default, hello"],
    );
    check(
        "import x from './star'; x",
        &["a.ts:1:8: star.ts has no default export"],
    );
    check("import x from './nothing'; x", &["it exports nothing"]);
    check(
        "import { T } from './types'; export { T }",
        &["T is only a type", "`export type`"],
    );
    check("export { U } from './types'", &["U is only a type"]);
}

#[test]
fn names_that_are_exported_or_cannot_be_known_are_no_problem() {
    #[track_caller]
    fn check(text: &str) {
        graph(&[
            ("a.ts", text),
            (
                "b.ts",
                "export const { x, y: [z] } = f(), w = 1; export { w as 'a b', w as default }; \
                 export enum E {} export namespace N { export const a = 1 } function f(): any {}",
            ),
            ("star.ts", "export * from './b'; export * from './c.cjs'"),
            ("ns.ts", "export * as all from './b'"),
            (
                "circle.ts",
                "export * from './circle2'; export const one = 1",
            ),
            (
                "circle2.ts",
                "export * from './circle'; export const two = 1",
            ),
            ("c.cjs", "module.exports = f()"),
            ("d.json", "{ \"version\": 1 }"),
        ]);
    }
    check("import d, { x, z, w, 'a b' as ab, E, N } from './b'; export { d, x, z, w, ab, E, N }");
    check("import { x, unknown } from './star'; export { x, unknown }");
    check("import { all } from './ns'; all");
    check("import { one, two } from './circle'; one + two");
    check("import c, { anything } from './c.cjs'; c(anything)");
    check("import * as b from './b'; b.nothing");
    check("import d, { version } from './d.json'; d + version");
    check("import { T } from './b'; export type U = T");
    check("export const a = 1; import { a as self } from './a'; self");
}
