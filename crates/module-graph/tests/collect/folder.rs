//! A folder on disk for one test.

use std::fs;
use std::path::{Path, PathBuf};

use module_graph::{Module, ModuleGraph, ModuleKind, Problem, collect};
use tempfile::TempDir;

/// A project; the site is its folder `site`, so that packages can lie above.
pub(crate) struct Folder {
    _dir: TempDir,
    root: PathBuf,
}

/// Name and text of each file.
pub(crate) type Files<'f> = &'f [(&'f str, &'f str)];

impl Folder {
    pub(crate) fn new(files: Files<'_>) -> Self {
        let dir = TempDir::new().unwrap();
        let folder = Self {
            root: dir.path().join("site"),
            _dir: dir,
        };
        fs::create_dir(&folder.root).unwrap();
        for (name, text) in files {
            folder.write(name, text.as_bytes());
        }
        folder
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn collect(&self, entry: &str) -> Result<ModuleGraph, Vec<Problem>> {
        let outcome = collect(&self.root, entry);
        let shown = format!("{outcome:?}");
        assert!(
            !shown.contains(self.root.to_str().unwrap()),
            "a path of the machine: {shown}"
        );
        assert!(
            outcome
                .as_ref()
                .err()
                .is_none_or(|problems| !problems.is_empty())
        );
        outcome
    }
}

/// The graph of the first file.
#[track_caller]
pub(crate) fn graph(files: Files<'_>) -> ModuleGraph {
    let outcome = Folder::new(files).collect(files[0].0);
    outcome.unwrap_or_else(|problems| panic!("{}", listed(&problems).join("\n")))
}

/// The first module of the graph of the first file.
#[track_caller]
pub(crate) fn entry(files: Files<'_>) -> Module {
    graph(files).modules.remove(0)
}

/// The problems of the first file, each `file:line:column: message`.
#[track_caller]
pub(crate) fn problems(files: Files<'_>) -> Vec<String> {
    match Folder::new(files).collect(files[0].0) {
        Ok(graph) => panic!("no problem: {graph:?}"),
        Err(problems) => listed(&problems),
    }
}

pub(crate) fn listed(problems: &[Problem]) -> Vec<String> {
    let first_line = |problem: &Problem| {
        let text = problem.to_string();
        text.lines().next().unwrap_or_default().to_owned()
    };
    problems.iter().map(first_line).collect()
}

/// Every module: its name, its kind, and what its specifiers lead to.
#[track_caller]
pub(crate) fn names(files: Files<'_>) -> Vec<String> {
    graph(files)
        .modules
        .into_iter()
        .map(|module| module.name)
        .collect()
}

/// What `specifier` leads to in the first file.
#[track_caller]
pub(crate) fn target(files: Files<'_>, specifier: &str) -> String {
    let graph = graph(files);
    let place = graph.modules[0]
        .imports
        .iter()
        .find(|(known, _)| known == specifier);
    let place = usize::try_from(place.expect("the specifier is there").1).unwrap();
    graph.modules[place].name.clone()
}

pub(crate) fn commonjs_exports(module: &Module) -> (Vec<&str>, bool) {
    match &module.kind {
        ModuleKind::CommonJs { exports, es_module } => {
            (exports.iter().map(String::as_str).collect(), *es_module)
        }
        other => panic!("{} is {other:?}", module.name),
    }
}

/// Whether there is exactly one problem, and it has all these parts.
#[track_caller]
pub(crate) fn check_problem(files: Files<'_>, want: &[&str]) {
    let found = problems(files);
    let [problem] = &*found else {
        panic!("{found:#?}");
    };
    assert!(want.iter().all(|part| problem.contains(part)), "{problem}");
}
