//! A bundle, opened and ready to answer.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use bundle_format::meta::WorkerKind;
use bundle_format::{Bundle, Damage, OpenError};
use bytes::Bytes;
use http::HeaderValue;
use http_semantics::SitePath;
use limits::LimitOverrides;
use site_rules::{CorsError, Origins};
use worker_host::Worker;

use crate::admission::Admission;
use crate::collected_body::BodyRoom;
use crate::decoded::Decoded;
use crate::find::{self, Asked, Destination};
use crate::heads::Heads;
use crate::log;
use crate::memory_files::MemoryFiles;
use crate::rules::Rules;
use crate::settings::{AdmissionOptions, OutboundOptions, StoreOptions};
use crate::surroundings::{Surroundings, SurroundingsError};
use crate::watch::{Watch, WatchOptions};
use crate::workers::{LoadFailure, Workers};

/// How many scripts are loaded before somebody asks for them.
const SCRIPTS_LOADED_AT_START: usize = 4;

/// A bundle, opened and ready to answer.
pub struct App {
    pub(crate) bundle: Bundle,
    mapped: &'static [u8],
    pub(crate) workers: Workers,
    pub(crate) decoded: Decoded,
    pub(crate) heads: Heads,
    pub(crate) memory_files: MemoryFiles,
    pub(crate) rules: Rules,
    media_types: Vec<HeaderValue>,
    pub(crate) modified: Option<SystemTime>,
    pub(crate) modified_header: Option<HeaderValue>,
    prefix: String,
    pub(crate) body_timeout: Duration,
    pub(crate) body_room: BodyRoom,
    pub(crate) surroundings: Surroundings,
    pub(crate) admission: Admission,
    pub(crate) watch: &'static Watch,
    this: Weak<Self>,
}

/// How an app differs from what its bundle says.
#[derive(Clone, Debug)]
pub struct AppOptions {
    /// In place of the bundle's; parsed by [`parse_prefix`].
    pub prefix: Option<String>,
    /// Who may read its answers from other origins, in place of those that the bundle names.
    pub cors: Option<Origins>,
    /// Stronger than what the workers' configurations say.
    pub limits: LimitOverrides,
    /// Where its data lives.
    pub store: StoreOptions,
    /// How it calls other servers.
    pub outbound: OutboundOptions,
    /// How long a request body may stand still.
    pub body_timeout: Duration,
    /// What one client may have of it.
    pub admission: AdmissionOptions,
    /// What of requests is told.
    pub watch: WatchOptions,
}

/// Why an app does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The bundle.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The native code was made for another engine.
    #[error(
        "the workers of this app were compiled for {found}, but this program has {expected}; \
         bundle the site again"
    )]
    Engine {
        /// What the bundle says.
        found: String,
        /// What is here.
        expected: String,
    },
    /// A variable that a worker cannot do without.
    #[error("the environment variable {variable} that {worker} needs: {problem}")]
    Variable {
        /// Its name.
        variable: String,
        /// The file of the worker.
        worker: String,
        /// Not there, or not UTF-8.
        problem: std::env::VarError,
    },
    /// `--cors` does not go with what the site says.
    #[error("--cors (WWS_CORS): {0}")]
    Cors(#[from] CorsError),
    /// The key-value store, or what calls to other servers need.
    #[error(transparent)]
    Surroundings(#[from] SurroundingsError),
    /// What all scripts run on.
    #[error("the JavaScript engine of this app cannot run: {failure}")]
    ScriptEngine {
        /// Why.
        failure: Arc<LoadFailure>,
    },
    /// A worker.
    #[error("the worker {worker} cannot run: {failure}")]
    Worker {
        /// The file of the worker.
        worker: String,
        /// Why.
        failure: Arc<LoadFailure>,
    },
}

impl App {
    /// Opens a bundle, and the store that its workers use. The workers are loaded by
    /// [`App::load_workers`] or on first use.
    pub async fn open(mapped: &'static [u8], options: AppOptions) -> Result<Arc<Self>, StartError> {
        let bundle = Bundle::open(Bytes::from_static(mapped))?;
        let meta = bundle.meta();
        let rules = Rules::new(&meta.site, options.cors)?;
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let cores = u32::try_from(cores).unwrap_or(u32::MAX);
        let surroundings = Surroundings::open(meta, &options.store, &options.outbound).await?;
        let workers = Workers::prepare(meta, &options.limits, cores, &surroundings)?;
        let octets = HeaderValue::from_static("application/octet-stream");
        let media_types = meta
            .media_types
            .iter()
            .map(|text| HeaderValue::try_from(text).unwrap_or_else(|_| octets.clone()))
            .collect();
        let modified = meta
            .modified
            .map(|s| SystemTime::UNIX_EPOCH + Duration::from_secs(s));
        let modified_header =
            modified.and_then(|date| HeaderValue::try_from(httpdate::fmt_http_date(date)).ok());
        let prefix = options.prefix.unwrap_or_else(|| meta.prefix.clone());
        let watch = Watch::new(options.watch, meta, &prefix);
        let body_room = BodyRoom::new(workers.longest_request_body());
        Ok(Arc::new_cyclic(|this| Self {
            workers,
            decoded: Decoded::new(),
            heads: Heads::new(),
            memory_files: MemoryFiles::new(),
            rules,
            media_types,
            modified,
            modified_header,
            prefix,
            body_timeout: options.body_timeout,
            body_room,
            surroundings,
            admission: Admission::new(options.admission),
            watch,
            this: this.clone(),
            mapped,
            bundle,
        }))
    }

    /// The bundle.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// What every path begins with; empty or `/p`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Loads all programs and the first scripts, one after the other.
    pub fn load_workers(&self) -> Result<(), StartError> {
        let meta = self.bundle.meta();
        let mut scripts = 0;
        for (worker, record) in meta.workers.iter().enumerate() {
            if record.kind == WorkerKind::Script {
                scripts += 1;
                // Each has a memory of its own, and has run when the site was bundled: the others
                // are loaded when they are asked for.
                if scripts > SCRIPTS_LOADED_AT_START {
                    continue;
                }
            }
            let Err(failure) = self.workers.load(&self.bundle, self.mapped, worker) else {
                continue;
            };
            if record.kind == WorkerKind::Script {
                let engine = self.workers.script_engine(&self.bundle, self.mapped);
                engine.map_err(|failure| StartError::ScriptEngine { failure })?;
            }
            return Err(StartError::Worker {
                worker: record.source.clone(),
                failure,
            });
        }
        Ok(())
    }

    /// A worker, loaded.
    pub(crate) async fn worker(&self, worker: usize) -> Result<Worker, Arc<LoadFailure>> {
        if let Some(ready) = self.workers.ready(worker) {
            return ready;
        }
        let app = self.shared();
        let load = move || app.workers.load(&app.bundle, app.mapped, worker);
        match tokio::task::spawn_blocking(load).await {
            Ok(result) => result,
            Err(error) => Err(Arc::new(std::io::Error::other(error).into())),
        }
    }

    /// What answers a request, below the prefix.
    pub(crate) fn find(&self, asked: Asked<'_>) -> Result<Destination, Damage> {
        let Some(path) = asked.path.without_prefix(&self.prefix) else {
            return Ok(match asked.path.as_str() == self.prefix {
                true => Destination::Redirect("/".to_owned()),
                false => Destination::Nothing,
            });
        };
        let by_rules = site_rules::Asked {
            host: asked.host,
            path: &path,
        };
        let follow = |found| find::follow(&self.bundle, &found, &self.prefix, asked.query);
        if let Some(found) = self.rules.first_forced(&self.bundle, by_rules)? {
            return follow(found);
        }
        match find::find(&self.bundle, &path)? {
            Destination::Nothing => match self.rules.first(&self.bundle, by_rules)? {
                Some(found) => follow(found),
                None => Ok(Destination::Nothing),
            },
            destination => Ok(destination),
        }
    }

    pub(crate) fn media_type(&self, number: u16) -> HeaderValue {
        match self.media_types.get(usize::from(number)) {
            Some(value) => value.clone(),
            None => HeaderValue::from_static("application/octet-stream"),
        }
    }

    /// This app, for work on another thread.
    pub(crate) fn shared(&self) -> Arc<Self> {
        match self.this.upgrade() {
            Some(app) => app,
            None => unreachable!("an App only ever lives in the Arc that `open` returns"),
        }
    }

    /// Logs that stored bytes are damaged.
    pub(crate) fn log_damage(&self, path: &str, error: &dyn std::fmt::Display) {
        log::line("damaged", &[("path", &path), ("reason", error)]);
    }
}

/// A prefix for all paths: empty for none, else with a slash in front and none at the end.
pub fn parse_prefix(text: &str) -> Result<String, String> {
    let trimmed = text.trim_matches('/');
    if trimmed.is_empty() {
        return Ok(String::new());
    }
    match SitePath::parse(&format!("/{trimmed}")) {
        Ok(path) => Ok(path.as_str().to_owned()),
        Err(problem) => Err(format!("{problem}; write it like /shop")),
    }
}
