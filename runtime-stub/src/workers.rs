//! The workers of an app: their settings, and their native code, loaded in the background while
//! assets are already served, or by the first request that needs it, whichever comes first.

use std::sync::{Arc, OnceLock};

use std::io::Read;

use bundle_format::meta::{
    CodeRecord, CodeStorage, EngineFingerprint, ScriptEngineRecord, VarSource, WorkerKind,
    WorkerRecord,
};
use bundle_format::{Bundle, Damage, Meta};
use limits::{ByteSize, LimitOverrides, WorkerLimits};
use worker_host::{
    Concurrency, EngineError, Host, LoadError, LogLevel, NativeCode, PoolSize, PoolUsage,
    SETTINGS_VERSION, ScriptEngine, WASMTIME_VERSION, Worker, WorkerSettings, leak_pages,
};

use crate::app::StartError;
use crate::log;
use crate::surroundings::Surroundings;

/// The most that the pool has room for, unless one worker alone asks for more.
const CALLS_MAX: u32 = 256;

/// The largest native code that is decoded; the bundler makes none this large.
const CODE_BYTES_MAX: u64 = 4 << 30;

/// All workers, in the order of the meta section.
pub(crate) struct Workers {
    host: OnceLock<Result<Arc<Host>, Arc<LoadFailure>>>,
    /// What all scripts run on.
    engine: OnceLock<Result<ScriptEngine, Arc<LoadFailure>>>,
    /// What their images refer to.
    base: OnceLock<Result<&'static [u8], Arc<LoadFailure>>>,
    pool: PoolSize,
    concurrency: Concurrency,
    slots: Vec<Slot>,
}

struct Slot {
    settings: WorkerSettings,
    reads_streams: bool,
    loaded: OnceLock<Result<Worker, Arc<LoadFailure>>>,
}

/// Why a worker cannot run.
#[derive(Debug, thiserror::Error)]
pub enum LoadFailure {
    /// No engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Its stored bytes.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// Its stored bytes do not decode to what was compiled.
    #[error("its native code does not decode: {0}")]
    Decode(#[from] std::io::Error),
    /// Its code.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl Workers {
    /// Checks what the workers were made for and reads their environment. Loads nothing yet.
    pub(crate) fn prepare(
        meta: &Meta,
        over: &LimitOverrides,
        cores: u32,
        surroundings: &Surroundings,
    ) -> Result<Self, StartError> {
        if !meta.workers.is_empty() {
            check_engine(meta)?;
        }
        let slots = meta
            .workers
            .iter()
            .map(|record| Slot::prepare(record, over, cores, surroundings))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            host: OnceLock::new(),
            engine: OnceLock::new(),
            base: OnceLock::new(),
            pool: pool_size(&meta.workers, &slots),
            concurrency: concurrency(&meta.engine),
            slots,
        })
    }

    /// How long the body of a request to a worker may be.
    pub(crate) fn request_body_limit(&self, worker: usize) -> ByteSize {
        let slot = self.slots.get(worker);
        slot.map_or(ByteSize(0), |slot| slot.settings.limits.request_body)
    }

    /// The longest body that any worker takes.
    pub(crate) fn longest_request_body(&self) -> ByteSize {
        let limits = self
            .slots
            .iter()
            .map(|slot| slot.settings.limits.request_body);
        limits.max().unwrap_or(ByteSize(0))
    }

    /// Whether a worker reads the body of a request as it comes.
    pub(crate) fn reads_streams(&self, worker: usize) -> bool {
        self.slots
            .get(worker)
            .is_some_and(|slot| slot.reads_streams)
    }

    /// A worker that has been loaded.
    pub(crate) fn ready(&self, worker: usize) -> Option<Result<Worker, Arc<LoadFailure>>> {
        self.slots.get(worker)?.loaded.get().cloned()
    }

    /// Loads a worker, or waits for the thread that is loading it. Takes milliseconds.
    pub(crate) fn load(
        &self,
        bundle: &Bundle,
        mapped: &'static [u8],
        worker: usize,
    ) -> Result<Worker, Arc<LoadFailure>> {
        let (Some(slot), Some(record)) =
            (self.slots.get(worker), bundle.meta().workers.get(worker))
        else {
            return Err(Arc::new(Damage::Index.into()));
        };
        let load = || {
            let code = Stored {
                bundle,
                mapped,
                record: &record.code,
            };
            let settings = &slot.settings;
            let program = |kind| {
                let code = code.load(None).map_err(Arc::new)?;
                Worker::load(&self.host()?, kind, code, settings.clone())
                    .map_err(|error| Arc::new(error.into()))
            };
            match record.kind {
                WorkerKind::Script => {
                    let (engine, image) = self.engine_and(bundle, mapped, || {
                        let base = self.base(bundle, mapped)?;
                        code.load(Some(base)).map_err(Arc::new)
                    });
                    Worker::load_script(&self.host()?, &engine?, image?, settings.clone())
                        .map_err(|error| Arc::new(error.into()))
                }
                WorkerKind::CoreCommand => program(worker_host::WorkerKind::CoreCommand),
                WorkerKind::ComponentCommand => program(worker_host::WorkerKind::ComponentCommand),
                WorkerKind::HttpProxy => program(worker_host::WorkerKind::HttpProxy),
                WorkerKind::HttpService => program(worker_host::WorkerKind::HttpService),
            }
        };
        slot.loaded.get_or_init(load).clone()
    }

    /// The engine of scripts, and what `work` gives. Where the engine is still to be loaded, both
    /// are done side by side: together they are most of what comes before the first answer.
    fn engine_and<T: Send>(
        &self,
        bundle: &Bundle,
        mapped: &'static [u8],
        work: impl FnOnce() -> T,
    ) -> (Result<ScriptEngine, Arc<LoadFailure>>, T) {
        if let Some(engine) = self.engine.get() {
            return (engine.clone(), work());
        }
        std::thread::scope(|scope| {
            let load = || self.script_engine(bundle, mapped);
            match std::thread::Builder::new().spawn_scoped(scope, load) {
                Ok(loading) => {
                    let done = work();
                    let engine = loading.join().unwrap_or_else(|_| load());
                    (engine, done)
                }
                Err(_) => (load(), work()),
            }
        })
    }

    /// The engine of scripts, loaded once.
    pub(crate) fn script_engine(
        &self,
        bundle: &Bundle,
        mapped: &'static [u8],
    ) -> Result<ScriptEngine, Arc<LoadFailure>> {
        let load = || {
            let record = script_engine_record(bundle)?;
            let stored = Stored {
                bundle,
                mapped,
                record: &record.code,
            };
            let code = stored.load(None).map_err(Arc::new)?;
            let host = self.host()?;
            let engine = ScriptEngine::load(&host, code);
            engine.map_err(|error| Arc::new(LoadFailure::from(error)))
        };
        self.engine.get_or_init(load).clone()
    }

    fn base(
        &self,
        bundle: &Bundle,
        mapped: &'static [u8],
    ) -> Result<&'static [u8], Arc<LoadFailure>> {
        let load = || {
            let record = script_engine_record(bundle)?;
            let stored = Stored {
                bundle,
                mapped,
                record: &record.base,
            };
            stored.decode(None).map_err(Arc::new)
        };
        self.base.get_or_init(load).clone()
    }

    /// What the pool of instances holds, once there is one.
    pub(crate) fn pool_usage(&self) -> Option<PoolUsage> {
        let host = self.host.get()?.as_ref().ok()?;
        Some(host.pool_usage())
    }

    fn host(&self) -> Result<Arc<Host>, Arc<LoadFailure>> {
        let start = || match Host::new(&self.pool, self.concurrency) {
            Ok(host) => {
                if host.allocation() == worker_host::Allocation::OnDemand {
                    log::line(
                        "no_pool",
                        &[(
                            "reason",
                            &"too little address space; requests of workers take longer",
                        )],
                    );
                }
                Ok(host)
            }
            Err(error) => Err(Arc::new(LoadFailure::from(error))),
        };
        self.host.get_or_init(start).clone()
    }
}

impl Slot {
    fn prepare(
        record: &WorkerRecord,
        over: &LimitOverrides,
        cores: u32,
        surroundings: &Surroundings,
    ) -> Result<Self, StartError> {
        let limits = over.or(record.limits).apply(WorkerLimits::default());
        let route = record.route.to_string();
        let settings = WorkerSettings {
            vars: environment(record)?,
            limits,
            concurrency: limits.concurrency_on(cores),
            reuse: record.reuse,
            outbound: surroundings.caller(&record.outbound, &limits),
            kv: surroundings.kv(record),
            log: Arc::new(move |level, line| log_line(&route, level, line)),
        };
        Ok(Self {
            settings,
            reads_streams: matches!(record.kind, WorkerKind::HttpProxy | WorkerKind::HttpService),
            loaded: OnceLock::new(),
        })
    }
}

/// What a worker logs; a level only where it says more than that it was logged.
fn log_line(route: &str, level: LogLevel, line: &str) {
    let (route, line): (&dyn std::fmt::Display, &dyn std::fmt::Display) = (&route, &line);
    let level = match level {
        LogLevel::Info => return log::line("worker_log", &[("route", route), ("line", line)]),
        LogLevel::Debug => "debug",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    let fields = [
        ("route", route),
        ("level", &level as &dyn std::fmt::Display),
        ("line", line),
    ];
    log::line("worker_log", &fields);
}

fn script_engine_record(bundle: &Bundle) -> Result<&ScriptEngineRecord, Arc<LoadFailure>> {
    let record = bundle.meta().script_engine.as_ref();
    record.ok_or_else(|| Arc::new(Damage::Index.into()))
}

fn check_engine(meta: &Meta) -> Result<(), StartError> {
    let engine = &meta.engine;
    let here = worker_host::TARGET;
    let same = engine.wasmtime == WASMTIME_VERSION
        && engine.settings == SETTINGS_VERSION
        && engine.target == here
        && concurrency(engine).is_available();
    if same {
        return Ok(());
    }
    Err(StartError::Engine {
        found: format!(
            "wasmtime {} ({}, settings {}, concurrency {:?})",
            engine.wasmtime,
            engine.target,
            engine.settings,
            concurrency(engine)
        ),
        expected: format!("wasmtime {WASMTIME_VERSION} ({here}, settings {SETTINGS_VERSION})"),
    })
}

fn concurrency(engine: &EngineFingerprint) -> Concurrency {
    match engine.concurrency {
        true => Concurrency::On,
        false => Concurrency::Off,
    }
}

/// The variables of a worker. One that the environment lacks is named in the log and empty, as in
/// wws 1.7, unless it is required.
fn environment(record: &WorkerRecord) -> Result<Vec<(String, String)>, StartError> {
    let mut vars = Vec::with_capacity(record.vars.len());
    for (name, source) in &record.vars {
        let value = match source {
            VarSource::Literal(value) => value.clone(),
            VarSource::Environment { variable, required } => match std::env::var(variable) {
                Ok(value) => value,
                Err(std::env::VarError::NotPresent) if !required => {
                    let fields: [(&str, &dyn std::fmt::Display); 3] = [
                        ("variable", variable),
                        ("worker", &record.source),
                        ("read_as", &""),
                    ];
                    log::line("missing_variable", &fields);
                    String::new()
                }
                Err(error) => {
                    return Err(StartError::Variable {
                        variable: variable.clone(),
                        worker: record.source.clone(),
                        problem: error,
                    });
                }
            },
        };
        vars.push((name.clone(), value));
    }
    Ok(vars)
}

/// Room for as many calls as all workers together may have, within reason.
fn pool_size(records: &[WorkerRecord], slots: &[Slot]) -> PoolSize {
    let concurrency = || slots.iter().map(|slot| slot.settings.concurrency);
    let all = concurrency().fold(0u32, u32::saturating_add);
    let most = |of: fn(&WorkerRecord) -> u32| records.iter().map(of).max().unwrap_or(1);
    let memory_bytes = slots
        .iter()
        .map(|slot| slot.settings.limits.memory.0)
        .max()
        .unwrap_or(0);
    let initial = records
        .iter()
        .map(|record| record.needs.memory_bytes_initial)
        .max()
        .unwrap_or(0);
    let tables = records
        .iter()
        .map(|record| record.needs.table_elements_initial)
        .max()
        .unwrap_or(0);
    PoolSize {
        calls: all
            .min(CALLS_MAX.max(concurrency().max().unwrap_or(1)))
            .max(1),
        memories: most(|record| record.needs.memories),
        memory_bytes: memory_bytes.max(initial),
        tables: most(|record| record.needs.tables),
        table_elements: tables.saturating_mul(2).max(20_000),
        core_instances: most(|record| record.needs.core_instances),
    }
}

/// Native code as it lies in the bundle.
struct Stored<'s> {
    bundle: &'s Bundle,
    mapped: &'static [u8],
    record: &'s CodeRecord,
}

impl Stored<'_> {
    #[expect(
        unsafe_code,
        reason = "trust in the machine code of a bundle is claimed here, and only here"
    )]
    fn load(&self, base: Option<&[u8]>) -> Result<NativeCode, LoadFailure> {
        let bytes = self.decode(base)?;
        // SAFETY: the bytes are those that the bundler's compiler wrote, as far as a hash can tell.
        // The hash catches damage, not forgery: who can change the executable that is running can
        // already run any code here.
        Ok(unsafe { NativeCode::assume_trusted(bytes) })
    }

    /// The bytes on pages of their own; of an image, with the base that it refers to.
    fn decode(&self, base: Option<&[u8]>) -> Result<&'static [u8], LoadFailure> {
        let stored = self.bundle.code_bytes(self.record)?;
        let damage = Damage::NativeCode {
            offset: self.record.offset,
        };
        if self.record.code_bytes > CODE_BYTES_MAX {
            return Err(damage.into());
        }
        let length = usize::try_from(self.record.code_bytes).map_err(|_| damage)?;
        match (self.record.storage, base) {
            (CodeStorage::Raw, _) => self.in_place(&stored),
            (CodeStorage::Zstd, _) => leak_pages(length, |pages| {
                match zstd::bulk::decompress_to_buffer(&stored, pages) {
                    Ok(count) if count == length => Ok(()),
                    Ok(_) => Err(std::io::Error::from(std::io::ErrorKind::InvalidData).into()),
                    Err(error) => Err(error.into()),
                }
            }),
            (CodeStorage::ZstdAfterBase, Some(base)) => leak_pages(length, |pages| {
                let mut decoder = zstd::stream::read::Decoder::with_ref_prefix(&stored[..], base)?;
                Ok(decoder.read_exact(pages)?)
            }),
            (CodeStorage::ZstdAfterBase, None) => Err(damage.into()),
        }
    }

    /// Raw native code where it is mapped, or a copy if it does not begin on a page of its own.
    fn in_place(&self, stored: &[u8]) -> Result<&'static [u8], LoadFailure> {
        let start = usize::try_from(self.record.offset).unwrap_or(usize::MAX);
        let rest = self.mapped.get(start..);
        match rest.and_then(|rest| rest.get(..stored.len())) {
            Some(bytes) if begins_page(bytes) => Ok(bytes),
            _ => leak_pages(stored.len(), |pages| {
                pages.copy_from_slice(stored);
                Ok::<_, LoadFailure>(())
            }),
        }
    }
}

fn begins_page(bytes: &[u8]) -> bool {
    bytes
        .as_ptr()
        .addr()
        .is_multiple_of(rustix::param::page_size())
}
