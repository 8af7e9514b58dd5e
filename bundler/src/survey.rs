//! Decides what each file of a site is: asset, worker, configuration, or nothing of ours.
//!
//! Two layouts. A *site* has an `index.html` at its root, as static site generators write it:
//! every file is an asset, except `.wasm` files that are workers by their contents. A *project* is
//! what Wasm Workers Server 1.7 serves: `.wasm` files anywhere are workers, assets lie below
//! `public/`, and names that begin with `_` are never looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use bundle_format::meta::Layout;
use limits::LimitOverrides;
use site_config::WorkerConfig;
use worker_host::WorkerKind;
use worker_host::compile::{InspectError, WasmKind, inspect};

use crate::problem::{Problem, Problems};
use crate::scan::SourceFile;

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
    /// How many files are neither; only in a project.
    pub unused_files: usize,
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
    pub wasm: Vec<u8>,
    /// What kind of program that is.
    pub kind: WorkerKind,
    /// What the TOML file beside it says.
    pub config: WorkerConfig,
}

/// Files at the root of a site that configure it; never served.
const SITE_CONFIG: &str = "wws.toml";
const RUNTIMES_CONFIG: &str = ".wws.toml";

/// Rules of other hosts that are not followed yet; serving the site without them would be wrong
/// without anybody noticing.
const RULE_FILES: [&str; 2] = ["_headers", "_redirects"];

/// Scripts that wws 1.7 runs as workers.
const SCRIPTS: [&str; 5] = ["js", "mjs", "ts", "py", "rb"];

/// Where the assets of a project lie.
const PUBLIC: &str = "public/";

/// The largest `.wasm` file that is compiled.
const WASM_BYTES_MAX: u64 = 512 << 20;

/// Decides what each file is. What is wrong with single files goes to `problems`; an error is that
/// nobody can tell how to read the folder.
pub fn survey(
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
            unused_files: 0,
        },
        site_limits: LimitOverrides::default(),
        problems: Vec::new(),
    };
    sorter.read_site_config();
    files.into_iter().for_each(|file| sorter.sort(file));
    sorter.apply_site_limits();
    if sorter.survey.assets.is_empty() && sorter.survey.workers.is_empty() {
        let message = "nothing in it would be served: in a project, assets lie below public/ and \
            workers are .wasm files; in a site, all files are served (--layout site)";
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
        (extension == "wasm" || SCRIPTS.contains(&extension)) && !is_private(name)
    };
    if has(&is_worker) {
        return Ok((
            Layout::Project,
            "there are workers and no index.html".to_owned(),
        ));
    }
    let message = "this is neither of the two layouts. A site has an index.html at its root, and \
        all its files are served; a project has workers (.wasm) anywhere and assets below public/. \
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
        match site_config::parse_site_config(&file.name, &bytes) {
            Ok(config) => self.site_limits = config.limits,
            Err(problems) => self
                .problems
                .extend(problems.into_iter().map(Problem::from)),
        }
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
        if RULE_FILES.contains(&file.name.as_str()) {
            self.refuse_rules(&file.name);
        } else if let Some(stem) = file.name.strip_suffix(".wasm") {
            let stem = stem.to_owned();
            self.sort_wasm(file, &stem);
        } else if !self.configures_worker(&file.name) {
            let url_path = format!("/{}", file.name);
            self.survey.assets.push(AssetFile { file, url_path });
        }
    }

    fn sort_project(&mut self, file: SourceFile) {
        if let Some(below) = file.name.strip_prefix(PUBLIC) {
            match RULE_FILES.contains(&below) {
                true => self.refuse_rules(&file.name),
                false => {
                    let url_path = format!("/{below}");
                    self.survey.assets.push(AssetFile { file, url_path });
                }
            }
            return;
        }
        let (stem, extension) = file.name.rsplit_once('.').unwrap_or((&file.name, ""));
        let (stem, extension) = (stem.to_owned(), extension.to_owned());
        if is_private(&file.name) {
            self.survey.unused_files += 1;
        } else if extension == "wasm" {
            self.sort_wasm(file, &stem);
        } else if SCRIPTS.contains(&extension.as_str()) {
            let message = format!(
                "workers in .{extension} are not supported in this version of wws; move the file \
                 below public/ if it is an asset, or leave it out with --ignore"
            );
            self.problems.push(Problem::new(file.name, message));
        } else if !self.configures_worker(&file.name) {
            self.survey.unused_files += 1;
        }
    }

    fn refuse_rules(&mut self, name: &str) {
        let message = format!(
            "the rules of this file are not followed in this version of wws; leave it out with \
             --ignore {name} if the site works without it"
        );
        self.problems.push(Problem::new(name, message));
    }

    /// Whether a file is the configuration of a worker beside it. In a site a `.toml` may as well be
    /// an asset, even beside a `.wasm` file, if that is one too.
    fn configures_worker(&self, name: &str) -> bool {
        name.strip_suffix(".toml").is_some_and(|stem| {
            let wasm = format!("{stem}.wasm");
            self.names.contains(&wasm) && self.is_worker_by_contents(&wasm)
        })
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
            Ok(WasmKind::Worker(kind)) => {
                let config = self.worker_config(stem);
                self.survey.workers.push(WorkerFile {
                    file,
                    wasm,
                    kind,
                    config,
                });
            }
            Ok(WasmKind::HttpHandler(export)) => {
                let message = format!(
                    "exports {export}; components with wasi:http are not supported in this \
                     version of wws. Leave it out with --ignore"
                );
                self.problems.push(Problem::new(file.name, message));
            }
            // What it imports will be reported when it is linked.
            Ok(WasmKind::ForeignCommand) if self.layout == Layout::Project => {
                let (kind, config) = (WorkerKind::CoreCommand, self.worker_config(stem));
                self.survey.workers.push(WorkerFile {
                    file,
                    wasm,
                    kind,
                    config,
                });
            }
            Ok(WasmKind::Other | WasmKind::ForeignCommand) if self.layout == Layout::Site => {
                let url_path = format!("/{}", file.name);
                self.survey.assets.push(AssetFile { file, url_path });
            }
            Ok(WasmKind::Other | WasmKind::ForeignCommand) => {
                let message = "is no worker: a worker is a module with WASI imports that exports \
                    _start, or a component that exports wasi:cli/run. Move it below public/ if it \
                    is an asset, or leave it out with --ignore";
                self.problems.push(Problem::new(file.name, message));
            }
            Err(error @ (InspectError::NotWasm | InspectError::Damaged(_))) => {
                let message = format!("{error}. Leave it out with --ignore, or build it again");
                self.problems.push(Problem::new(file.name, message));
            }
        }
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
