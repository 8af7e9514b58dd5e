//! Same input, same output; and no input that ends in a panic.

use module_graph::collect;
use proptest::prelude::*;

use crate::folder::{Files, Folder};

#[test]
fn the_place_of_a_folder_changes_nothing() {
    let files: Files<'_> = &[
        (
            "a.tsx",
            "import { b } from './b'; import 'p'; export default () => <b>{b}</b>",
        ),
        ("b.ts", "export const b: number = 1; import('./c.cjs')"),
        ("c.cjs", "exports.z = exports.a = exports.m = require('p')"),
        (
            "../node_modules/p/index.js",
            "Object.assign(exports, { q: 1, e: 2 })",
        ),
        ("../node_modules/preact/jsx-runtime.js", "exports.jsx = 1"),
    ];
    let graphs: Vec<_> = (0..3)
        .map(|_| Folder::new(files).collect("a.tsx").unwrap())
        .collect();
    assert!(graphs.iter().all(|graph| *graph == graphs[0]));

    let bad: Files<'_> = &[
        ("a.js", "import 'x'; import './y'; import { z } from './b'"),
        ("b.js", "export {}"),
    ];
    let problems: Vec<_> = (0..3)
        .map(|_| Folder::new(bad).collect("a.js").unwrap_err())
        .collect();
    assert_eq!(problems[0].len(), 3);
    assert!(problems.iter().all(|other| *other == problems[0]));
}

/// Parts of programs: at random they say more than letters do.
const PARTS: &[&str] = &[
    "import ",
    "export ",
    "default ",
    "from ",
    "'./b'",
    "'x'",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "* as ",
    "a",
    "b",
    "=",
    "=>",
    ";",
    "\n",
    "`",
    "${",
    "'",
    "\"",
    "/",
    "//",
    "/*",
    "*/",
    "#!",
    "<",
    ">",
    "</",
    "<a>",
    "</a>",
    "require(",
    "module.exports",
    "exports.",
    "process.env.NODE_ENV",
    "class ",
    "@",
    "enum ",
    "namespace ",
    "type ",
    "interface ",
    "async ",
    "await ",
    "yield ",
    "if (",
    "else ",
    "try ",
    "catch ",
    "let ",
    "const ",
    "ä",
    "😀",
    "\u{2028}",
    "\r",
    ": ",
    "?",
    ".",
    "...",
    "0",
    "1n",
    "/** @jsx h */",
    "declare ",
    "abstract ",
    "accessor ",
    "import.meta",
    "import(",
    "with ",
    "!",
    "as ",
];

fn check(name: &str, text: &str) {
    let folder = Folder::new(&[(name, text), ("b.js", "export const a = 1")]);
    // The panic of a compiler is caught; a graph is closed and its positions lie in its files.
    match collect(folder.root(), name) {
        Ok(graph) => {
            let count = u32::try_from(graph.modules.len()).unwrap();
            for module in &graph.modules {
                assert!(module.imports.iter().all(|(_, place)| *place < count));
                assert!(module.imports.is_sorted());
                for mapping in &module.mappings {
                    assert!(module.original_line(mapping.line).is_some(), "{mapping:?}");
                }
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(!problem.message.contains("error in"), "{text:?}: {problem}");
                assert!(!problem.to_string().is_empty());
            }
        }
    }
}

const NAMES: &[&str] = &["a.js", "a.ts", "a.tsx", "a.cjs", "a.mts", "a.json", "a.cts"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_ends_in_a_graph_or_problems(
        name in prop::sample::select(NAMES),
        text in "\\PC{0,40}",
    ) {
        check(name, &text);
    }

    #[test]
    fn any_parts_of_programs_end_in_a_graph_or_problems(
        name in prop::sample::select(NAMES),
        parts in prop::collection::vec(prop::sample::select(PARTS), 0..30),
    ) {
        check(name, &parts.concat());
    }
}
