//! Decides what each file of a site is: asset, worker, configuration, or nothing of ours.
//!
//! Two layouts. A *site* has an `index.html` at its root, as static site generators write it:
//! every file is an asset, except `.wasm` files that are workers by their contents, and scripts that
//! `wws.toml` names. A *project* is what Wasm Workers Server 1.7 serves: `.wasm` files and scripts
//! anywhere are workers, assets lie below `public/`, and names that begin with `_` are never looked
//! at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use bundle_format::meta::Layout;
use limits::LimitOverrides;
use module_graph::ModuleGraph;
use site_config::{ScriptPattern, WorkerConfig};
use site_rules::Parsed;
use worker_host::WorkerKind;
use worker_host::compile::{InspectError, WasmKind, inspect};

use crate::problem::{Problem, Problems};
use crate::rules::{RuleFile, RuleSources};
use crate::scan::SourceFile;
use crate::scripts::{self, ScriptFile};

/// What a site consists of.
#[derive(Debug)]
pub struct Survey {
    /// How the folder was read.
    pub layout: Layout,
    /// Why.
    pub layout_reason: String,
    /// Files that are served as they are.
    pub assets: Vec<AssetFile>,
    /// Files that answer requests.
    pub workers: Vec<WorkerFile>,
    /// What the site says of its paths.
    pub rules: RuleSources,
    /// How many files are neither; only in a project.
    pub unused_files: usize,
    /// What the user may not expect.
    pub notes: Vec<String>,
}

/// A file that is served as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetFile {
    /// The file.
    pub file: SourceFile,
    /// Its path on the site, with a slash in front.
    pub url_path: String,
}

/// A file that answers requests.
#[derive(Clone, Debug)]
pub struct WorkerFile {
    /// The file.
    pub file: SourceFile,
    /// What is in it.
    pub program: Program,
    /// What the TOML file beside it says.
    pub config: WorkerConfig,
}

/// What a worker is made from.
#[derive(Clone, Debug)]
pub enum Program {
    /// WebAssembly, and what kind of it.
    Wasm(Vec<u8>, WorkerKind),
    /// A script with all that it imports.
    Script(ModuleGraph),
}

/// The file at the root of a site that configures it; never served.
pub const SITE_CONFIG: &str = "wws.toml";

/// Its language runtimes in wws 1.7.
const RUNTIMES_CONFIG: &str = ".wws.toml";

/// Rules for paths, at the root of what is served: of a site, or of the assets of a project. Never
/// served.
const HEADERS: &str = "_headers";
const REDIRECTS: &str = "_redirects";

/// Scripts that are workers in a project.
const SCRIPTS: [&str; 8] = ["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx"];

/// Scripts that wws 1.7 runs as workers, and this version does not.
const OTHER_SCRIPTS: [&str; 2] = ["py", "rb"];

/// Where the assets of a project lie.
const PUBLIC: &str = "public/";

/// The largest `.wasm` file that is compiled.
const WASM_BYTES_MAX: u64 = 512 << 20;

/// Decides what each file is. What is wrong with single files goes to `problems`; an error is that
/// nobody can tell how to read the folder.
pub fn survey(
    root: &Path,
    files: Vec<SourceFile>,
    layout: Option<Layout>,
    problems: &mut Vec<Problem>,
) -> Result<Survey, Problems> {
    let (layout, layout_reason) = choose_layout(&files, layout)?;
    let mut sorter = Sorter {
        layout,
        names: files.iter().map(|file| file.name.clone()).collect(),
        by_name: files
            .iter()
            .map(|file| (file.name.clone(), file.clone()))
            .collect(),
        survey: Survey {
            layout,
            layout_reason,
            assets: Vec::new(),
            workers: Vec::new(),
            rules: RuleSources::default(),
            unused_files: 0,
            notes: Vec::new(),
        },
        scripts: Vec::new(),
        script_names: BTreeSet::new(),
        site_limits: LimitOverrides::default(),
        problems: Vec::new(),
    };
    sorter.read_site_config();
    files.into_iter().for_each(|file| sorter.sort(file));
    sorter.add_scripts(root);
    sorter.apply_site_limits();
    let is_empty = sorter.survey.assets.is_empty() && sorter.survey.workers.is_empty();
    // Where something was refused, that is what keeps the site from being served.
    if is_empty && sorter.problems.is_empty() {
        let message = "nothing in it would be served: in a project, assets lie below public/ and \
            workers are .wasm files and scripts; in a site, all files are served (--layout site)";
        sorter.problems.push(Problem::new("the folder", message));
    }
    problems.append(&mut sorter.problems);
    Ok(sorter.survey)
}

fn choose_layout(
    files: &[SourceFile],
    wanted: Option<Layout>,
) -> Result<(Layout, String), Problems> {
    let has = |test: &dyn Fn(&str) -> bool| files.iter().any(|file| test(&file.name));
    if let Some(layout) = wanted {
        return Ok((layout, "as --layout says".to_owned()));
    }
    if has(&|name| name == "index.html") {
        return Ok((
            Layout::Site,
            "there is an index.html at its root".to_owned(),
        ));
    }
    if has(&|name| name.starts_with(PUBLIC)) {
        return Ok((
            Layout::Project,
            "there is a public folder and no index.html".to_owned(),
        ));
    }
    let is_worker = |name: &str| {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let is_script = SCRIPTS.contains(&extension) || OTHER_SCRIPTS.contains(&extension);
        (extension == "wasm" || is_script) && !is_private(name)
    };
    if has(&is_worker) {
        return Ok((
            Layout::Project,
            "there are workers and no index.html".to_owned(),
        ));
    }
    let message = "this is neither of the two layouts. A site has an index.html at its root, and \
        all its files are served; a project has workers (.wasm, .js, .ts) anywhere and assets below public/. \
        Say which one is meant with --layout site or --layout project";
    Err(
        match Problems::check(vec![Problem::new("the folder", message)]) {
            Err(problems) => problems,
            Ok(()) => unreachable!("one problem is at least one"),
        },
    )
}

/// In a project, names that begin with `_` are private.
fn is_private(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('_'))
}

struct Sorter {
    layout: Layout,
    names: BTreeSet<String>,
    by_name: BTreeMap<String, SourceFile>,
    survey: Survey,
    scripts: Vec<ScriptFile>,
    /// Of a site: those that `wws.toml` names.
    script_names: BTreeSet<String>,
    site_limits: LimitOverrides,
    problems: Vec<Problem>,
}

impl Sorter {
    fn read_site_config(&mut self) {
        let Some(file) = self.by_name.get(SITE_CONFIG).cloned() else {
            return;
        };
        let Some(bytes) = self.read(&file) else {
            return;
        };
        let config = self.right_of(site_config::parse_site_config(&file.name, &bytes));
        self.site_limits = config.limits;
        self.survey.rules.site = config.site;
        self.survey.rules.cors = config.cors;
        self.find_scripts(&config.scripts);
    }

    /// What is right in a file, to be looked at further; the rest is reported.
    fn right_of<T, P: Into<Problem>>(&mut self, parsed: Parsed<T, P>) -> T {
        self.problems
            .extend(parsed.problems.into_iter().map(Into::into));
        parsed.value
    }

    /// The scripts of a site; a pattern that matches nothing is a mistake.
    fn find_scripts(&mut self, patterns: &[ScriptPattern]) {
        for pattern in patterns {
            match scripts::matching(&pattern.glob, &self.names) {
                Ok(names) => self.script_names.extend(names),
                Err(message) => self.problems.push(Problem::new(
                    format!("{SITE_CONFIG}:{}:{}", pattern.line, pattern.column),
                    message,
                )),
            }
        }
    }

    /// Reads the scripts with all that they import, and adds those that are workers.
    fn add_scripts(&mut self, root: &Path) {
        let scripts = std::mem::take(&mut self.scripts);
        let read = scripts::read(root, scripts, &mut self.problems);
        for note in read.notes {
            self.survey.notes.push(note);
        }
        let assets = self
            .survey
            .assets
            .iter()
            .map(|asset| asset.file.name.as_str());
        let imported = assets.filter(|name| read.imported.contains(*name));
        self.survey.notes.extend(imported.map(|name| {
            format!("{name} is imported by a worker, and also served as a file of the site")
        }));
        self.survey.workers.extend(read.workers);
        self.survey
            .workers
            .sort_by(|a, b| a.file.name.cmp(&b.file.name));
    }

    fn apply_site_limits(&mut self) {
        for worker in &mut self.survey.workers {
            worker.config.limits = worker.config.limits.or(self.site_limits);
        }
    }

    fn sort(&mut self, file: SourceFile) {
        if file.name == SITE_CONFIG {
            return;
        }
        if file.name == RUNTIMES_CONFIG {
            let message = "language runtimes are not supported in this version of wws; remove \
                 the file or leave it out with --ignore .wws.toml";
            self.problems.push(Problem::new(file.name, message));
            return;
        }
        match self.layout {
            Layout::Site => self.sort_site(file),
            Layout::Project => self.sort_project(file),
        }
    }

    fn sort_site(&mut self, file: SourceFile) {
        if matches!(file.name.as_str(), HEADERS | REDIRECTS) {
            self.read_rules(&file);
        } else if let Some(stem) = file.name.strip_suffix(".wasm") {
            let stem = stem.to_owned();
            self.sort_wasm(file, &stem);
        } else if self.script_names.contains(&file.name) {
            self.sort_script(file);
        } else if !self.configures_worker(&file.name) {
            let url_path = format!("/{}", file.name);
            self.survey.assets.push(AssetFile { file, url_path });
        }
    }

    fn sort_project(&mut self, file: SourceFile) {
        if let Some(below) = file.name.strip_prefix(PUBLIC) {
            if matches!(below, HEADERS | REDIRECTS) {
                self.read_rules(&file);
            } else {
                let url_path = format!("/{below}");
                self.survey.assets.push(AssetFile { file, url_path });
            }
            return;
        }
        if matches!(file.name.as_str(), HEADERS | REDIRECTS) {
            let name = &file.name;
            let message = format!(
                "rules lie where the assets do: move this file to {PUBLIC}{name}, or leave it out with \
                 --ignore {name}"
            );
            self.problems.push(Problem::new(name.clone(), message));
            return;
        }
        let (stem, extension) = file.name.rsplit_once('.').unwrap_or((&file.name, ""));
        let (stem, extension) = (stem.to_owned(), extension.to_owned());
        if is_private(&file.name) || scripts::is_declaration(&file.name) {
            self.survey.unused_files += 1;
        } else if extension == "wasm" {
            self.sort_wasm(file, &stem);
        } else if SCRIPTS.contains(&extension.as_str()) {
            self.sort_script(file);
        } else if OTHER_SCRIPTS.contains(&extension.as_str()) {
            let message = format!(
                "workers in .{extension} are not supported in this version of wws; move the file \
                 below public/ if it is an asset, or leave it out with --ignore"
            );
            self.problems.push(Problem::new(file.name, message));
        } else if !self.configures_worker(&file.name) {
            self.survey.unused_files += 1;
        }
    }

    fn read_rules(&mut self, file: &SourceFile) {
        let Some(bytes) = self.read(file) else { return };
        let name = file.name.clone();
        if name.ends_with(HEADERS) {
            let rules = self.right_of(site_rules::parse_headers(&name, &bytes));
            self.survey.rules.headers = RuleFile { name, rules };
        } else {
            let rules = self.right_of(site_rules::parse_redirects(&name, &bytes));
            self.survey.rules.redirects = RuleFile { name, rules };
        }
    }

    /// Whether a file is the configuration of a worker beside it. In a site a `.toml` may as well be
    /// an asset, even beside a `.wasm` file, if that is one too.
    fn configures_worker(&self, name: &str) -> bool {
        name.strip_suffix(".toml").is_some_and(|stem| {
            let wasm = format!("{stem}.wasm");
            let is_script = |extension: &&str| self.is_script(&format!("{stem}.{extension}"));
            (self.names.contains(&wasm) && self.is_worker_by_contents(&wasm))
                || SCRIPTS.iter().any(is_script)
        })
    }

    /// Whether a file is read as a script.
    fn is_script(&self, name: &str) -> bool {
        match self.layout {
            Layout::Site => self.script_names.contains(name),
            Layout::Project => {
                let is_asset = name.starts_with(PUBLIC);
                self.names.contains(name) && !is_private(name) && !is_asset
            }
        }
    }

    fn sort_script(&mut self, file: SourceFile) {
        let stem = file
            .name
            .rsplit_once('.')
            .map_or(&*file.name, |(stem, _)| stem);
        let config = self.worker_config(stem);
        self.scripts.push(ScriptFile { file, config });
    }

    fn is_worker_by_contents(&self, name: &str) -> bool {
        let bytes = self
            .by_name
            .get(name)
            .and_then(|file| fs::read(&file.path).ok());
        bytes.is_some_and(|wasm| {
            !matches!(
                inspect(&wasm),
                Ok(WasmKind::Other | WasmKind::ForeignCommand)
            )
        })
    }

    fn sort_wasm(&mut self, file: SourceFile, stem: &str) {
        if file.length > WASM_BYTES_MAX {
            let message = format!("is larger than {} MiB", WASM_BYTES_MAX >> 20);
            self.problems.push(Problem::new(file.name, message));
            return;
        }
        let Some(wasm) = self.read(&file) else { return };
        match inspect(&wasm) {
            Ok(WasmKind::Worker(kind)) => self.add_wasm(file, stem, wasm, kind),
            Ok(WasmKind::UnknownHandler(export)) => {
                let message = format!(
                    "exports {export}; handlers of wasi:http 0.2 and 0.3 are supported in this \
                     version of wws. Build it for one of them, or leave it out with --ignore"
                );
                self.problems.push(Problem::new(file.name, message));
            }
            // What it imports will be reported when it is linked.
            Ok(WasmKind::ForeignCommand) if self.layout == Layout::Project => {
                self.add_wasm(file, stem, wasm, WorkerKind::CoreCommand);
            }
            Ok(WasmKind::Other | WasmKind::ForeignCommand) if self.layout == Layout::Site => {
                let url_path = format!("/{}", file.name);
                self.survey.assets.push(AssetFile { file, url_path });
            }
            Ok(WasmKind::Other | WasmKind::ForeignCommand) => {
                let message = "is no worker: a worker is a module with WASI imports that exports \
                    _start, or a component that exports a handler of wasi:http, or wasi:cli/run. \
                    Move it below public/ if it is an asset, or leave it out with --ignore";
                self.problems.push(Problem::new(file.name, message));
            }
            Err(error @ (InspectError::NotWasm | InspectError::Damaged(_))) => {
                let message = format!("{error}. Leave it out with --ignore, or build it again");
                self.problems.push(Problem::new(file.name, message));
            }
        }
    }

    fn add_wasm(&mut self, file: SourceFile, stem: &str, wasm: Vec<u8>, kind: WorkerKind) {
        let config = self.worker_config(stem);
        let toml = format!("{stem}.toml");
        if let Some(body) = config.body {
            let message = "body says what a script gets, and this worker is none; remove it";
            self.problems
                .push(body.place.problem(&toml, message).into());
        }
        if let Some(reuse) = config.reuse
            && kind != WorkerKind::HttpService
        {
            let message = "only instances of scripts and of wasi:http 0.3 components can answer \
                several requests; remove reuse";
            self.problems
                .push(reuse.place.problem(toml, message).into());
        }
        let program = Program::Wasm(wasm, kind);
        self.survey.workers.push(WorkerFile {
            file,
            program,
            config,
        });
    }

    fn worker_config(&mut self, stem: &str) -> WorkerConfig {
        let Some(file) = self.by_name.get(&format!("{stem}.toml")).cloned() else {
            return WorkerConfig::default();
        };
        let Some(bytes) = self.read(&file) else {
            return WorkerConfig::default();
        };
        site_config::parse_worker_config(&file.name, &bytes).unwrap_or_else(|problems| {
            self.problems
                .extend(problems.into_iter().map(Problem::from));
            WorkerConfig::default()
        })
    }

    fn read(&mut self, file: &SourceFile) -> Option<Vec<u8>> {
        fs::read(&file.path)
            .map_err(|error| {
                let message = format!("cannot be read: {error}");
                self.problems.push(Problem::new(file.name.clone(), message));
            })
            .ok()
    }
}
