//! The names of CommonJS modules.

use crate::folder::{Files, commonjs_exports, entry, graph};

#[test]
fn names_are_read_from_what_people_and_compilers_write() {
    #[track_caller]
    fn check(text: &str, want: &[&str]) {
        let module = entry(&[
            ("a.cjs", text),
            (
                "b.cjs",
                "exports.b1 = 1; module.exports.b2 = 2; require('./c.cjs')",
            ),
            ("c.cjs", "module.exports = require('./d.mjs')"),
            (
                "d.mjs",
                "export const d1 = 1; export default 2; export * from './e.mjs'",
            ),
            ("e.mjs", "export const e1 = 1"),
        ]);
        assert_eq!(commonjs_exports(&module).0, want);
    }
    check("", &[]);
    check(
        "exports.b = 1; exports['a'] = 2; exports.a = 3",
        &["a", "b"],
    );
    check("module.exports.a = exports.b = 1", &["a", "b"]);
    check("exports.a = exports.b = void 0", &["a", "b"]);
    check("Object.defineProperty(exports, 'a', { get() {} })", &["a"]);
    check(
        "module.exports = { a, b: 1, 'c': 2, d() {}, get e() {}, [f]: 1, 'g-h': 1 }",
        &["a", "b", "c", "d", "e"],
    );
    check("module.exports = exports = { a }", &["a"]);
    check("exports = module.exports = { a }", &["a"]);
    check(
        "module.exports = { a, ...require('./b.cjs') }",
        &["a", "b1", "b2"],
    );
    check("module.exports = require('./b.cjs')", &["b1", "b2"]);
    check("module.exports = require('./c.cjs')", &["d1", "e1"]);
    check(
        "module.exports = x ? require('./b.cjs') : require('./c.cjs')",
        &["b1", "b2", "d1", "e1"],
    );
    check("module.exports = require('./a.cjs'); exports.a = 1", &["a"]);
    check(
        "if (process.env.NODE_ENV === 'production') { module.exports = require('./b.cjs') } \
           else { module.exports = require('./nowhere'); exports.no = 1 }",
        &["b1", "b2"],
    );
    // TypeScript
    check(
        "__exportStar(require('./b.cjs'), exports); tslib_1.__exportStar(require('./d.mjs'), exports)",
        &["b1", "b2", "d1", "e1"],
    );
    check(
        "function __export(m) {} __export(require('./b.cjs'))",
        &["b1", "b2"],
    );
    check(
        "(0, tslib_1.__exportStar)(require('./b.cjs'), exports)",
        &["b1", "b2"],
    );
    // Babel
    check(
        "var _b = _interop(require('./b.cjs')); Object.keys(_b).forEach(function (key) \
           { exports[key] = _b[key] })",
        &["b1", "b2"],
    );
    // esbuild
    check(
        "var x = {}; __export(x, { a: () => a, default: () => b }); module.exports = __toCommonJS(x); \
           0 && (module.exports = { b })",
        &["a", "b"],
    );
    check("__export(other, { a: () => a })", &[]);
    // swc
    check(
        "_export(exports, { a: function () { return a } }); _export_star(require('./b.cjs'), exports)",
        &["a", "b1", "b2"],
    );
    check(
        "Object.assign(exports, { a: 1 }, require('./b.cjs'))",
        &["a", "b1", "b2"],
    );
    // UMD
    check(
        "(function (g, f) { f(exports) })(this, function (exports) { exports.a = 1 })",
        &["a"],
    );
    // Not names of exports that can be declared.
    check(
        "exports.default = exports.class = exports.__esModule = exports.await = 1",
        &[],
    );
    check(
        "exports[a] = 1; module.a = 1; x.exports.b = 1; exports",
        &[],
    );
}

#[test]
fn a_former_module_is_told_from_others() {
    #[track_caller]
    fn check(text: &str, want: bool) {
        let module = entry(&[("a.cjs", text), ("b.cjs", "exports.__esModule = true")]);
        assert_eq!(commonjs_exports(&module).1, want);
    }
    check(
        "Object.defineProperty(exports, '__esModule', { value: true })",
        true,
    );
    check("exports.__esModule = true", true);
    check("module.exports = __toCommonJS(x)", true);
    check("module.exports = { __esModule: true }", true);
    check("module.exports = require('./b.cjs')", true);
    check("__exportStar(require('./b.cjs'), exports)", false);
    check("exports.a = 1", false);
}

#[test]
fn names_that_others_import_count_as_exports() {
    let files: Files<'_> = &[
        (
            "a.mjs",
            "import { x, y } from './b.cjs'; export { z } from './star.mjs'; import { w } from './star.mjs'",
        ),
        ("b.cjs", "module.exports = make(); exports.x = 1"),
        (
            "star.mjs",
            "export * from './c.cjs'; export * from './d.cjs'",
        ),
        ("c.cjs", "module.exports = make()"),
        ("d.cjs", "module.exports = make(); exports.w = 1"),
    ];
    let modules = graph(files).modules;
    let exports = |place: usize| commonjs_exports(&modules[place]).0;
    assert_eq!(exports(1), ["x", "y"]);
    assert_eq!((exports(3), exports(4)), (vec!["z"], vec!["w"]));
}
