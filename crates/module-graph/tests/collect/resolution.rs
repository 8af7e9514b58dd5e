//! What specifiers lead to.

use std::os::unix::fs::symlink;

use module_graph::ModuleKind;

use crate::folder::{Files, Folder, check_problem, commonjs_exports, graph, names, target};

#[test]
fn relative_specifiers_find_files_with_and_without_their_ending() {
    #[track_caller]
    fn check(specifier: &str, files: &[&str], want: &str) {
        let text = format!("import '{specifier}'");
        let mut all = vec![("api/a.ts", &*text)];
        all.extend(files.iter().map(|name| (*name, "")));
        assert_eq!(target(&all, specifier), want);
    }
    check("./b", &["api/b.ts"], "api/b.ts");
    check("./b.ts", &["api/b.ts"], "api/b.ts");
    check("../b", &["b.mjs"], "b.mjs");
    check("./b", &["api/b.cjs"], "api/b.cjs");
    check("./b", &["api/b.js", "api/b.ts"], "api/b.ts");
    check("./b", &["api/b/index.tsx"], "api/b/index.tsx");
    check("./b/", &["api/b/index.js"], "api/b/index.js");
    check("..", &["index.js"], "index.js");
    check("./b.js", &["api/b.js"], "api/b.js");
    check("./b.js", &["api/b.ts"], "api/b.ts");
    check("./b.js", &["api/b.ts", "api/b.js"], "api/b.ts");
    check("./b.js", &["api/b.tsx"], "api/b.tsx");
    check("./b.mjs", &["api/b.mts"], "api/b.mts");
    check("./b.cjs", &["api/b.cts"], "api/b.cts");
    check("./b.test", &["api/b.test.ts"], "api/b.test.ts");
    check("../../up", &["../up.js"], "../up.js");
    check("./ä", &["api/ä.js"], "api/ä.js");
}

#[test]
fn packages_are_looked_up_as_bundlers_for_workers_do() {
    #[track_caller]
    fn check(import: &str, package: &str, want: &str) {
        let folder = "../node_modules/p";
        let manifest = format!("{folder}/package.json");
        let names = ["i.js", "m.js", "b.js", "w.js", "r.js", "sub.js", "index.js"];
        let files: Vec<String> = names
            .iter()
            .map(|name| format!("{folder}/{name}"))
            .collect();
        let mut all = vec![("a.js", import), (&*manifest, package)];
        all.extend(files.iter().map(|name| (&**name, "")));
        assert_eq!(self::names(&all)[1], format!("{folder}/{want}"));
    }
    let import = "import 'p'";
    let require = "require('p')";
    check(import, "{}", "index.js");
    check(import, r#"{ "main": "m.js" }"#, "m.js");
    check(import, r#"{ "main": "./m" }"#, "m.js");
    check(import, r#"{ "main": "i.js", "module": "m.js" }"#, "m.js");
    check(
        import,
        r#"{ "main": "i.js", "module": "m.js", "browser": "b.js" }"#,
        "b.js",
    );
    check(require, r#"{ "main": "i.js", "module": "m.js" }"#, "i.js");
    check(
        import,
        r#"{ "main": "i.js", "browser": { "./i.js": "./b.js" } }"#,
        "b.js",
    );
    check("import 'p/sub'", "{}", "sub.js");
    check(import, r#"{ "exports": "./i.js", "main": "m.js" }"#, "i.js");
    let dual = r#"{ "exports": { "require": "./r.js", "import": "./i.js" } }"#;
    check(import, dual, "i.js");
    check("import('p')", dual, "i.js");
    check(require, dual, "r.js");
    check(
        import,
        r#"{ "exports": { "workerd": "./w.js", "default": "./i.js" } }"#,
        "w.js",
    );
    check(
        import,
        r#"{ "exports": { "node": "./r.js", "worker": "./w.js" } }"#,
        "w.js",
    );
    check(
        import,
        r#"{ "exports": { "browser": "./b.js", "default": "./i.js" } }"#,
        "b.js",
    );
    check(
        import,
        r#"{ "exports": { "development": "./r.js", "production": "./i.js" } }"#,
        "i.js",
    );
    check(
        import,
        r#"{ "exports": { "module": "./m.js", "default": "./i.js" } }"#,
        "m.js",
    );
    check(
        "import 'p/x'",
        r#"{ "exports": { "./*": "./sub.js" } }"#,
        "sub.js",
    );
}

#[test]
fn imports_of_the_package_itself_are_looked_up() {
    let files: Files<'_> = &[
        ("a.js", "import '#x'; import 'me/y'"),
        (
            "package.json",
            r##"{ "name": "me", "imports": { "#x": "./x.js" }, "exports": { "./y": "./y.js" } }"##,
        ),
        ("x.js", ""),
        ("y.js", ""),
    ];
    assert_eq!(names(files), ["a.js", "x.js", "y.js"]);
}

#[test]
fn aliases_of_the_configuration_are_looked_up() {
    let paths = r#"{ "compilerOptions": { "paths": { "@/*": ["./lib/*"] } } }"#;
    let alias = |config: &str| {
        target(
            &[
                ("api/a.ts", "import '@/x'"),
                (config, paths),
                ("lib/x.ts", ""),
            ],
            "@/x",
        )
    };
    assert_eq!(alias("tsconfig.json"), "lib/x.ts");
    assert_eq!(alias("jsconfig.json"), "lib/x.ts");
    let extended = r#"{ "extends": "./base.json" }"#;
    let files: Files<'_> = &[
        ("api/a.ts", "import '@/x'"),
        ("tsconfig.json", extended),
        ("base.json", paths),
        ("lib/x.ts", ""),
    ];
    assert_eq!(target(files, "@/x"), "lib/x.ts");
}

#[test]
fn in_packages_javascript_goes_before_its_source_and_configurations_do_not_count() {
    let files: Files<'_> = &[
        ("a.js", "import 'p'"),
        ("node_modules/p/index.js", "import './b.js'; import './c'"),
        (
            "node_modules/p/tsconfig.json",
            r#"{ "extends": "not-installed" }"#,
        ),
        ("node_modules/p/b.js", ""),
        ("node_modules/p/b.ts", ""),
        ("node_modules/p/c.js", ""),
        ("node_modules/p/c.ts", ""),
    ];
    let want = [
        "a.js",
        "node_modules/p/index.js",
        "node_modules/p/b.js",
        "node_modules/p/c.js",
    ];
    assert_eq!(names(files), want);
}

#[test]
fn what_a_package_leaves_out_in_browsers_is_empty() {
    let files: Files<'_> = &[
        ("a.js", "import 'p'"),
        (
            "node_modules/p/package.json",
            r#"{ "browser": { "fs": false, "./n.js": false } }"#,
        ),
        (
            "node_modules/p/index.js",
            "import { readFile } from 'fs'; import './n.js'",
        ),
        ("node_modules/p/n.js", "import 'nowhere'"),
    ];
    let graph = graph(files);
    assert_eq!(graph.modules.len(), 3);
    let empty = &graph.modules[2];
    assert_eq!((&*empty.name, &*empty.source), ("(empty)", ""));
    assert_eq!(commonjs_exports(empty), (vec!["readFile"], false));
    let targets = [("./n.js".to_owned(), 2), ("fs".to_owned(), 2)];
    assert_eq!(graph.modules[1].imports, targets);
}

#[test]
fn modules_of_node_are_refused_unless_a_package_has_their_name() {
    for name in ["fs", "node:fs", "fs/promises", "node:path/posix", "buffer"] {
        let text = format!("import x from '{name}'");
        check_problem(
            &[("a.js", &text)],
            &["a.js:1:15: ", name, "web platform, not Node.js"],
        );
    }
    let files: Files<'_> = &[
        ("a.js", "import 'events'"),
        ("node_modules/events/index.js", ""),
    ];
    assert_eq!(target(files, "events"), "node_modules/events/index.js");
}

#[test]
fn modules_come_depth_first_in_the_order_of_imports() {
    let files: Files<'_> = &[
        (
            "a.js",
            "import './z'; export * from './b'; import('./c'); import './d'",
        ),
        ("b.js", "export * from './y'; import './a'"),
        ("c.js", "import './d'"),
        ("d.js", "export {}"),
        ("y.js", "export {}"),
        ("z.js", "import './y'"),
    ];
    assert_eq!(
        names(files),
        ["a.js", "z.js", "y.js", "b.js", "c.js", "d.js"]
    );
    let imports = [("./b", 3), ("./c", 4), ("./d", 5), ("./z", 1)];
    assert_eq!(
        graph(files).modules[0].imports,
        imports.map(|(s, i)| (s.to_owned(), i))
    );
}

#[test]
fn what_is_asked_for_is_found_in_all_syntaxes_and_only_there() {
    #[track_caller]
    fn check(text: &str, want: bool) {
        let imports = graph(&[("a.js", text), ("b.js", "")])
            .modules
            .remove(0)
            .imports;
        assert_eq!(!imports.is_empty(), want, "{text}");
    }
    check("import './b'", true);
    check("import * as b from './b'", true);
    check("export * as b from './b'", true);
    check("import('./b')", true);
    check("import(`./b`)", true);
    check("require('./b')", true);
    check("function f() { return require(`./b`) }", true);
    check("import './b' with { type: 'json' }", true);
    check("import(x)", false);
    check("import('./' + x)", false);
    check("import(`./${x}`)", false);
    check("require(x)", false);
    check("(function (require) { require('./nowhere') })()", false);
    check("a.require('./nowhere')", false);
    check("require.resolve('./nowhere')", false);
    check("'import \"./nowhere\"' // import './nowhere'", false);
    check(
        "if (process.env.NODE_ENV !== 'production') require('./nowhere')",
        false,
    );
    check(
        "process.env.NODE_ENV === 'production' ? 1 : require('./nowhere')",
        false,
    );
    check(
        "if ('production' == process.env.NODE_ENV) ; else require('./nowhere')",
        false,
    );
    check("try { require('./nowhere') } catch {}", false);
    check("try { await import('node:fs') } catch {}", false);
    check("import('nowhere').catch(() => 1)", false);
}

#[test]
fn a_require_in_a_module_of_a_package_may_lead_nowhere() {
    let text = "export const a = typeof require === 'function' && require('crypto')";
    let files: Files<'_> = &[("a.mjs", "import 'p'"), ("node_modules/p/index.js", text)];
    assert_eq!(names(files), ["a.mjs", "node_modules/p/index.js"]);
    check_problem(&[("a.mjs", text)], &["a.mjs:1:59: ", "crypto"]);
}

#[test]
fn links_are_followed() {
    let folder = Folder::new(&[
        ("a.js", "import 'p'; import './link.js'"),
        (
            "node_modules/.pnpm/p@1/node_modules/p/index.js",
            "import 'q'",
        ),
        ("node_modules/.pnpm/p@1/node_modules/q/index.js", ""),
        ("../lib/x.js", ""),
    ]);
    let store = folder.path("node_modules/.pnpm/p@1/node_modules/p");
    symlink(store, folder.path("node_modules/p")).unwrap();
    symlink(folder.path("../lib/x.js"), folder.path("link.js")).unwrap();
    let graph = folder.collect("a.js").unwrap();
    let names: Vec<&str> = graph.modules.iter().map(|module| &*module.name).collect();
    let pnpm = "node_modules/.pnpm/p@1/node_modules";
    let (p, q) = (format!("{pnpm}/p/index.js"), format!("{pnpm}/q/index.js"));
    assert_eq!(names, ["a.js", &p, &q, "../lib/x.js"]);
}

#[test]
fn a_root_and_an_entry_may_be_links() {
    let folder = Folder::new(&[("real/a.js", "import './b'"), ("real/b.js", "import './a'")]);
    symlink(folder.path("real"), folder.path("linked")).unwrap();
    symlink(folder.path("real/a.js"), folder.path("entry.js")).unwrap();
    let names = |root: &str, entry: &str| -> Vec<String> {
        let graph = module_graph::collect(&folder.path(root), entry).unwrap();
        graph
            .modules
            .into_iter()
            .map(|module| module.name)
            .collect()
    };
    assert_eq!(names("linked", "a.js"), ["a.js", "b.js"]);
    assert_eq!(names(".", "entry.js"), ["entry.js", "real/b.js"]);
}

#[test]
fn a_declaration_is_never_loaded() {
    let declared = ("t.d.ts", "export interface T {}");
    let files: Files<'_> = &[
        ("a.ts", "import { T } from './t'; export const a: T = 1"),
        declared,
    ];
    assert_eq!(names(files), ["a.ts"]);
    check_problem(
        &[("a.ts", "import './t'"), declared],
        &["a.ts:1:8: ", "only declares types"],
    );
    check_problem(
        &[("a.ts", "import './t.d.ts'"), declared],
        &["a.ts:1:8: t.d.ts only declares"],
    );
    check_problem(
        &[("t.d.ts", "")],
        &["t.d.ts:1:1: t.d.ts only declares types"],
    );
}

#[test]
fn a_file_is_one_module_however_it_is_asked_for() {
    let files: Files<'_> = &[
        (
            "a.ts",
            "import './b'; import './b.ts'; import './b.js'; import('../site/b')",
        ),
        ("b.ts", "export {}"),
    ];
    let graph = graph(files);
    assert_eq!(graph.modules.len(), 2);
    assert_eq!(graph.modules[0].imports.len(), 4);
    assert_eq!(graph.modules[1].kind, ModuleKind::Esm);
}
