//! Files that are too large, too many or too deep.

use std::fmt::Write;

use module_graph::{FILE_BYTES_MAX, GRAPH_BYTES_MAX, MODULES_MAX, NESTING_MAX};

use crate::folder::{Folder, check_problem, graph, listed};

#[test]
fn a_file_that_is_too_long_is_a_problem_at_the_import() {
    let text = " ".repeat(FILE_BYTES_MAX);
    graph(&[("a.js", "import './b'"), ("b.js", &text)]);
    let text = text + " ";
    check_problem(
        &[("a.js", "import './b'"), ("b.js", &text)],
        &["a.js:1:8: b.js is longer than 4194304 bytes"],
    );
}

#[test]
fn files_that_are_too_long_together_are_a_problem() {
    let text = " ".repeat(FILE_BYTES_MAX);
    let count = GRAPH_BYTES_MAX / FILE_BYTES_MAX;
    let names: Vec<String> = (0..count).map(|place| format!("b{place}.js")).collect();
    let imports: String = names
        .iter()
        .map(|name| format!("import './{name}';\n"))
        .collect();
    let mut files = vec![("a.js", &*imports)];
    files.extend(names.iter().map(|name| (&**name, &*text)));
    check_problem(
        &files,
        &["a.js:4:8: with b3.js, the modules of this worker have more than"],
    );
}

#[test]
fn too_many_modules_are_a_problem() {
    let folder = Folder::new(&[]);
    let mut imports = String::new();
    for place in 0..MODULES_MAX {
        folder.write(&format!("b/{place}.js"), b"");
        writeln!(imports, "import './b/{place}.js'").unwrap();
    }
    folder.write("a.js", imports.as_bytes());
    let found = listed(&folder.collect("a.js").unwrap_err());
    assert_eq!(
        found,
        ["a.js:4000:8: this worker needs more than 4000 modules"]
    );
}

#[test]
fn a_long_chain_of_modules_is_read() {
    let folder = Folder::new(&[]);
    for place in 0..1000 {
        let text = format!(
            "export * from './{}.js'; export const x{place} = 1",
            place + 1
        );
        folder.write(&format!("{place}.js"), text.as_bytes());
    }
    folder.write("1000.js", b"export const end = 1");
    folder.write("a.js", b"import { end, x500 } from './0.js'");
    assert_eq!(folder.collect("a.js").unwrap().modules.len(), 1002);
}

#[test]
fn deep_nesting_is_compiled_or_refused_and_never_a_crash() {
    let deep = NESTING_MAX - 10;
    for (name, open, close) in [
        ("a.js", "(", ")"),
        ("a.ts", "(", ")"),
        ("a.js", "[", "]"),
        ("a.js", "{a:", "}"),
        ("a.js", "function(){return ", "}"),
        ("a.ts", "()=>(", ")"),
        ("a.js", "f(", ")"),
        ("a.js", "`${", "}`"),
        ("a.js", "!", ""),
        ("a.js", "a=", ""),
        ("a.ts", "a=>", ""),
        ("a.js", "new ", ""),
        ("a.js", "a?a:", ""),
        ("a.ts", "", "+1"),
        ("a.ts", "", ".a"),
        ("a.ts", "", "()"),
        ("a.ts", "", "!"),
    ] {
        let text = format!(
            "export default {}a{}",
            open.repeat(deep),
            close.repeat(deep)
        );
        graph(&[(name, &text)]);
    }
    for open in ["(", "[", "{", "a=", "a=>", "f({", "`${"] {
        let text = format!("export default {}", open.repeat(NESTING_MAX + 1));
        check_problem(
            &[("a.js", &text)],
            &["a.js:1:", "nested more than 100000 deep"],
        );
    }
}
