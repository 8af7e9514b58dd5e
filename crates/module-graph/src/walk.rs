//! From the entry to all modules, depth first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oxc_resolver::TsConfig;

use crate::compile::{Compiled, Script, compile};
use crate::config::Configs;
use crate::facts::{Request, Syntax};
use crate::format::{FileKind, Format, file_kind};
use crate::json;
use crate::jsx::{Jsx, Pragmas};
use crate::links;
use crate::names::Names;
use crate::position::Lines;
use crate::problem::Problem;
use crate::read::read;
use crate::resolve::{Resolver, Target, is_in_package};
use crate::transform::Settings;
use crate::unresolved::{Lookup, refused};
use crate::{GRAPH_BYTES_MAX, MODULES_MAX, ModuleGraph};

/// The name of what a package leaves out in workers.
const EMPTY_MODULE: &str = "(empty)";

/// A file that was read.
pub(crate) struct Loaded {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) content: Content,
    /// What its specifiers lead to, by the place of the module.
    pub(crate) targets: BTreeMap<(String, Syntax), usize>,
}

/// What was made of a file.
pub(crate) enum Content {
    Script(Box<Compiled>),
    Json,
    /// It has problems.
    Bad,
}

/// Where a file is asked for.
struct Site {
    /// The place of the module that asks.
    from: usize,
    at: usize,
}

/// A specifier and what it leads to.
struct Asked {
    specifier: String,
    syntax: Syntax,
    at: usize,
    target: Target,
}

struct Walk {
    names: Names,
    resolver: Resolver,
    configs: Configs,
    package_types: HashMap<PathBuf, bool>,
    loaded: Vec<Loaded>,
    /// Places by canonical path; that of [`Target::Empty`] is none.
    places: HashMap<Target, Option<usize>>,
    /// What each module asks for, by place.
    asked: Vec<Vec<Asked>>,
    problems: Vec<Problem>,
    bytes: usize,
    is_full: bool,
}

/// See [`crate::collect`].
pub(crate) fn walk(root: &Path, entry: &str) -> Result<ModuleGraph, Vec<Problem>> {
    let of_entry = |message: String| vec![Problem::of_file(entry, message)];
    let canonical = fs::canonicalize(root)
        .map_err(|error| of_entry(format!("the folder of the site cannot be read: {error}")))?;
    let path = fs::canonicalize(canonical.join(entry))
        .map_err(|error| of_entry(format!("this file cannot be read: {error}")))?;
    let mut walk = Walk {
        names: Names::new(canonical),
        resolver: Resolver::new(),
        configs: Configs::default(),
        package_types: HashMap::new(),
        loaded: Vec::new(),
        places: HashMap::new(),
        asked: Vec::new(),
        problems: Vec::new(),
        bytes: 0,
        is_full: false,
    };
    walk.run(entry, path);
    walk.settle()
}

impl Walk {
    fn run(&mut self, entry: &str, path: PathBuf) {
        let mut waiting: Vec<(Target, Option<Site>)> = vec![(Target::File(path), None)];
        while let Some((target, site)) = waiting.pop() {
            if self.places.contains_key(&target) || self.is_full {
                continue;
            }
            let name = match (&target, &site) {
                (Target::Empty, _) => EMPTY_MODULE.to_owned(),
                (Target::File(_), None) => entry.to_owned(),
                (Target::File(path), Some(_)) => self.names.name(path),
            };
            let (loaded, requests) = match self.load(&target, name, site.is_none()) {
                Ok(loaded) => loaded,
                Err(message) => {
                    self.places.insert(target, None);
                    self.report(site.as_ref(), entry, message);
                    continue;
                }
            };
            let place = self.loaded.len();
            self.places.insert(target.clone(), Some(place));
            self.loaded.push(loaded);
            let asked = match &target {
                Target::File(path) => self.resolve_all(place, path, requests),
                Target::Empty => Vec::new(),
            };
            let site = |at| Some(Site { from: place, at });
            // The first is to be popped first.
            waiting.extend(
                asked
                    .iter()
                    .rev()
                    .map(|asked| (asked.target.clone(), site(asked.at))),
            );
            self.asked.push(asked);
        }
    }

    fn report(&mut self, site: Option<&Site>, entry: &str, message: String) {
        let problem = match site.and_then(|site| Some((self.loaded.get(site.from)?, site.at))) {
            Some((from, at)) => Problem::at(&from.name, &Lines::new(&from.text), at, message),
            None => Problem::of_file(entry, message),
        };
        self.problems.push(problem);
    }

    /// Reads and compiles a file. Its own problems are added; the error is for who asks for it.
    fn load(
        &mut self,
        target: &Target,
        name: String,
        is_entry: bool,
    ) -> Result<(Loaded, Vec<Request>), String> {
        if self.loaded.len() == MODULES_MAX {
            self.is_full = true;
            return Err(format!("this worker needs more than {MODULES_MAX} modules"));
        }
        let Target::File(path) = target else {
            let content = Content::Script(Box::new(Compiled::empty()));
            return Ok((Loaded::new(name, String::new(), content), Vec::new()));
        };
        let kind = file_kind(&name)?;
        let text = read(path).map_err(|message| format!("{name} {message}"))?;
        self.bytes += text.len();
        if self.bytes > GRAPH_BYTES_MAX {
            self.is_full = true;
            return Err(format!(
                "with {name}, the modules of this worker have more than {GRAPH_BYTES_MAX} bytes"
            ));
        }
        let mut requests = Vec::new();
        let content = match kind {
            FileKind::Json => {
                let problem = json::check(&name, &text);
                let is_fine = problem.is_none();
                self.problems.extend(problem);
                if is_fine { Content::Json } else { Content::Bad }
            }
            FileKind::Script(language, extension) => {
                let format = Format::of(extension, self.package_is_module(path));
                let (name, text) = (&*name, &*text);
                let script = Script {
                    name,
                    text,
                    language,
                    format,
                    is_entry,
                };
                self.compile(path, &script, &mut requests)
            }
        };
        Ok((Loaded::new(name, text, content), requests))
    }

    fn compile(
        &mut self,
        path: &Path,
        script: &Script<'_>,
        requests: &mut Vec<Request>,
    ) -> Content {
        let config = self.config(path);
        let config = config.as_deref();
        let settings = |pragmas: Option<Pragmas>| Settings {
            jsx: pragmas.map(|pragmas| Jsx::of(path, pragmas, config, &self.resolver)),
            keeps_imports: config
                .is_some_and(|config| config.compiler_options.verbatim_module_syntax == Some(true)),
        };
        // The compiler is large, and one file that it stumbles over must not hide the problems of
        // all others.
        let compiled = catch_unwind(AssertUnwindSafe(|| compile(script, settings)));
        match compiled {
            Ok(Ok(mut compiled)) => {
                requests.append(&mut compiled.facts.requests);
                Content::Script(Box::new(compiled))
            }
            Ok(Err(failed)) => {
                self.problems.extend(failed.problems);
                requests.extend(failed.requests);
                Content::Bad
            }
            Err(_) => {
                let message =
                    "the compiler failed at this file, which is an error in it".to_owned();
                self.problems.push(Problem::of_file(script.name, message));
                Content::Bad
            }
        }
    }

    /// The configuration for a file; a broken one is a problem, once.
    fn config(&mut self, path: &Path) -> Option<Arc<TsConfig>> {
        match self.configs.of(path, &self.resolver) {
            Ok(config) => config,
            Err(bad) => {
                let name = self.names.name(&bad.path);
                let problem = bad.problem(&name);
                if !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
                None
            }
        }
    }

    /// Whether the nearest package.json says that its `.js` files are modules.
    fn package_is_module(&mut self, file: &Path) -> bool {
        let Some(folder) = file.parent() else {
            return false;
        };
        if let Some(&known) = self.package_types.get(folder) {
            return known;
        }
        let is_module = match fs::read(folder.join("package.json")) {
            // A broken one is a problem where a package is looked up, not here.
            Ok(text) => serde_json::from_slice::<serde_json::Value>(&text)
                .is_ok_and(|package| package.get("type").is_some_and(|kind| kind == "module")),
            Err(_) if folder.ends_with("node_modules") => false,
            Err(_) => self.package_is_module(folder),
        };
        self.package_types.insert(folder.to_owned(), is_module);
        is_module
    }

    /// Looks up what a module asks for.
    fn resolve_all(&mut self, place: usize, path: &Path, requests: Vec<Request>) -> Vec<Asked> {
        let config = self.config(path);
        let in_package = is_in_package(path);
        let mut asked = Vec::new();
        let mut seen = BTreeSet::new();
        for request in requests {
            let Request {
                specifier, syntax, ..
            } = &request;
            if !seen.insert((specifier.clone(), *syntax)) {
                continue;
            }
            let at = request.at.or(self.loaded[place].jsx_at()).unwrap_or(0);
            // A module of a package that asks for `require` does so only if there is one.
            let is_optional = request.is_optional
                || (in_package && *syntax == Syntax::Require && !self.loaded[place].is_commonjs());
            match self.resolve(path, &request, config.as_deref()) {
                Ok(target) => asked.push(Asked {
                    specifier: specifier.clone(),
                    syntax: *syntax,
                    at,
                    target,
                }),
                Err(_) if is_optional => {}
                Err(message) => {
                    let from = Site { from: place, at };
                    self.report(Some(&from), "", message);
                }
            }
        }
        asked
    }

    fn resolve(
        &mut self,
        file: &Path,
        request: &Request,
        config: Option<&TsConfig>,
    ) -> Result<Target, String> {
        let Request {
            specifier,
            syntax,
            at,
            ..
        } = request;
        if let Some(message) = refused(specifier) {
            return Err(message);
        }
        let target = self
            .resolver
            .resolve(file, specifier, *syntax, config)
            .map_err(|failure| {
                let lookup = Lookup {
                    specifier,
                    syntax: *syntax,
                    file,
                };
                let message = lookup.message(&failure, &mut self.names);
                let needed = if at.is_none() {
                    "JSX needs a library here: "
                } else {
                    ""
                };
                format!("{needed}{message}")
            })?;
        if let Target::File(path) = &target {
            file_kind(&self.names.name(path))?;
        }
        Ok(target)
    }

    /// The graph, or all problems.
    fn settle(mut self) -> Result<ModuleGraph, Vec<Problem>> {
        for (loaded, asked) in self.loaded.iter_mut().zip(self.asked) {
            for Asked {
                specifier,
                syntax,
                target,
                ..
            } in asked
            {
                if let Some(Some(place)) = self.places.get(&target) {
                    loaded.targets.insert((specifier, syntax), *place);
                }
            }
        }
        self.problems.extend(links::problems(&self.loaded));
        if self.problems.is_empty() {
            return Ok(ModuleGraph {
                modules: links::modules(self.loaded),
            });
        }
        let places: HashMap<&str, usize> = self
            .loaded
            .iter()
            .enumerate()
            .map(|(place, file)| (&*file.name, place))
            .collect();
        self.problems.sort_by_key(|problem| {
            let place = places.get(&*problem.file).copied().unwrap_or(usize::MAX);
            (place, problem.line, problem.column)
        });
        self.problems.dedup();
        Err(self.problems)
    }
}

impl Loaded {
    fn new(name: String, text: String, content: Content) -> Self {
        Self {
            name,
            text,
            content,
            targets: BTreeMap::new(),
        }
    }

    fn jsx_at(&self) -> Option<usize> {
        match &self.content {
            Content::Script(script) => script.jsx_at,
            _ => None,
        }
    }

    fn is_commonjs(&self) -> bool {
        match &self.content {
            Content::Script(script) => script.commonjs.is_some(),
            _ => false,
        }
    }
}
