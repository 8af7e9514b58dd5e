//! The npm packages that scripts import.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::Component;
use crate::survey::{Program, WorkerFile};

/// The most of a `package.json` that is read.
const DESCRIPTION_BYTES_MAX: u64 = 1 << 20;

/// Where npm puts packages.
const NODE_MODULES: &str = "node_modules/";

/// What a package says about itself.
#[derive(Default, Deserialize)]
struct Description {
    version: Option<String>,
    license: Option<String>,
}

/// All packages that scripts have a module of.
pub(super) fn of_workers(site: &Path, workers: &[WorkerFile]) -> Vec<Component> {
    let scripts = workers.iter().filter_map(|worker| match &worker.program {
        Program::Script(graph) => Some(graph),
        Program::Wasm(..) => None,
    });
    let folders: BTreeSet<&str> = scripts
        .flat_map(|graph| &graph.modules)
        .filter_map(|module| package_folder(&module.name))
        .collect();
    folders
        .into_iter()
        .map(|folder| of_folder(site, folder))
        .collect()
}

/// The folder of the package that a module belongs to, the innermost one.
fn package_folder(module: &str) -> Option<&str> {
    let name_at = module.rfind(NODE_MODULES)? + NODE_MODULES.len();
    let parts = if module[name_at..].starts_with('@') {
        2
    } else {
        1
    };
    let (end, _) = module[name_at..].match_indices('/').nth(parts - 1)?;
    Some(&module[..name_at + end])
}

fn of_folder(site: &Path, folder: &str) -> Component {
    let name_at = folder
        .rfind(NODE_MODULES)
        .map_or(0, |at| at + NODE_MODULES.len());
    let description = describe(&site.join(folder)).unwrap_or_default();
    let version = description.version.as_deref();
    let license = description.license.as_deref();
    // "SEE LICENSE IN …" is no expression.
    let license = license.filter(|license| !license.starts_with("SEE "));
    Component::library("npm", &folder[name_at..], version, license)
}

/// A package that does not describe itself still is one.
fn describe(folder: &Path) -> Option<Description> {
    let file = File::open(folder.join("package.json")).ok()?;
    serde_json::from_reader(file.take(DESCRIPTION_BYTES_MAX)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_belongs_to_the_innermost_package() {
        #[track_caller]
        fn check(module: &str, want: Option<&str>) {
            assert_eq!(package_folder(module), want);
        }
        check("api/hello.ts", None);
        check("node_modules/hono/dist/i.js", Some("node_modules/hono"));
        check("../node_modules/x/i.js", Some("../node_modules/x"));
        check("node_modules/@a/b/i.js", Some("node_modules/@a/b"));
        check(
            "node_modules/a/node_modules/b/i.js",
            Some("node_modules/a/node_modules/b"),
        );
        check("node_modules/x.js", None);
    }

    #[test]
    fn a_package_is_listed_with_what_it_says_about_itself() {
        let site = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let folder = site.path().join("node_modules").join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("package.json"), text).unwrap();
        };
        let check = |name: &str, version: Option<&str>, license: Option<&str>| {
            let found = of_folder(site.path(), &format!("node_modules/{name}"));
            assert_eq!(found, Component::library("npm", name, version, license));
        };
        write("a", r#"{"version": "1.2.3", "license": "MIT"}"#);
        check("a", Some("1.2.3"), Some("MIT"));
        write(
            "@s/b",
            r#"{"version": "2.0.0", "license": "SEE LICENSE IN x"}"#,
        );
        check("@s/b", Some("2.0.0"), None);
        write("c", "no JSON");
        check("c", None, None);
        check("missing", None, None);
    }
}
