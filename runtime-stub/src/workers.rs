//! The workers of an app: their settings, and their native code, loaded in the background while
//! assets are already served, or by the first request that needs it, whichever comes first.

use std::sync::{Arc, OnceLock};

use bundle_format::meta::{VarSource, WorkerKind, WorkerRecord};
use bundle_format::{Bundle, Damage, Meta};
use limits::{LimitOverrides, WorkerLimits};
use worker_host::{
    EngineError, Host, LoadError, NativeCode, PoolSize, SETTINGS_VERSION, WASMTIME_VERSION, Worker,
    WorkerSettings, leak_pages,
};

use crate::app::StartError;
use crate::log;

/// The most that the pool has room for, unless one worker alone asks for more.
const CALLS_MAX: u32 = 256;

/// The largest native code that is decoded; the bundler makes none this large.
const CODE_BYTES_MAX: u64 = 4 << 30;

/// All workers, in the order of the meta section.
pub(crate) struct Workers {
    host: OnceLock<Result<Arc<Host>, Arc<LoadFailure>>>,
    pool: PoolSize,
    slots: Vec<Slot>,
}

struct Slot {
    settings: WorkerSettings,
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
    ) -> Result<Self, StartError> {
        if !meta.workers.is_empty() {
            check_engine(meta)?;
        }
        let slots = meta
            .workers
            .iter()
            .map(|record| Slot::prepare(record, over, cores))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            host: OnceLock::new(),
            pool: pool_size(&meta.workers, &slots),
            slots,
        })
    }

    /// The limits of a worker.
    pub(crate) fn limits(&self, worker: usize) -> Option<&WorkerLimits> {
        self.slots.get(worker).map(|slot| &slot.settings.limits)
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
            let host = self.host()?;
            load_worker(&host, bundle, mapped, record, slot.settings.clone()).map_err(Arc::new)
        };
        slot.loaded.get_or_init(load).clone()
    }

    fn host(&self) -> Result<Arc<Host>, Arc<LoadFailure>> {
        let start = || match Host::new(&self.pool) {
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
    ) -> Result<Self, StartError> {
        let limits = over.or(record.limits).apply(WorkerLimits::default());
        let route = record.route.to_string();
        let settings = WorkerSettings {
            vars: environment(record)?,
            limits,
            concurrency: limits.concurrency_on(cores),
            log: Arc::new(move |line| {
                log::line("worker_log", &[("route", &route), ("line", &line)])
            }),
        };
        Ok(Self {
            settings,
            loaded: OnceLock::new(),
        })
    }
}

fn check_engine(meta: &Meta) -> Result<(), StartError> {
    let engine = &meta.engine;
    let here = worker_host::TARGET;
    let same = engine.wasmtime == WASMTIME_VERSION
        && engine.settings == SETTINGS_VERSION
        && engine.target == here;
    if same {
        return Ok(());
    }
    Err(StartError::Engine {
        found: format!(
            "wasmtime {} ({}, settings {})",
            engine.wasmtime, engine.target, engine.settings
        ),
        expected: format!("wasmtime {WASMTIME_VERSION} ({here}, settings {SETTINGS_VERSION})"),
    })
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

fn load_worker(
    host: &Arc<Host>,
    bundle: &Bundle,
    mapped: &'static [u8],
    record: &WorkerRecord,
    settings: WorkerSettings,
) -> Result<Worker, LoadFailure> {
    let code = native_code(bundle, mapped, record)?;
    let kind = match record.kind {
        WorkerKind::CoreCommand => worker_host::WorkerKind::CoreCommand,
        WorkerKind::ComponentCommand => worker_host::WorkerKind::ComponentCommand,
    };
    Ok(Worker::load(host, kind, code, settings)?)
}

/// The native code of a worker, in pages of its own: decoded, or where the kernel has mapped it.
#[expect(
    unsafe_code,
    reason = "the one place where the contents of a bundle are trusted"
)]
fn native_code(
    bundle: &Bundle,
    mapped: &'static [u8],
    record: &WorkerRecord,
) -> Result<NativeCode, LoadFailure> {
    let stored = bundle.code_bytes(&record.code)?;
    let damage = Damage::NativeCode {
        offset: record.code.offset,
    };
    if record.code.code_bytes > CODE_BYTES_MAX {
        return Err(damage.into());
    }
    let length = usize::try_from(record.code.code_bytes).map_err(|_| damage)?;
    let bytes = match record.code.compressed {
        true => leak_pages(length, |pages| {
            match zstd::bulk::decompress_to_buffer(&stored, pages) {
                Ok(count) if count == length => Ok(()),
                Ok(_) => Err(std::io::ErrorKind::InvalidData.into()),
                Err(error) => Err(error),
            }
        })?,
        false => in_place(mapped, record, &stored)?,
    };
    // SAFETY: the bytes are those that the bundler's compiler wrote, as far as a hash can tell.
    // The hash catches damage, not forgery: who can change the executable that is running can
    // already run any code here.
    Ok(unsafe { NativeCode::assume_trusted(bytes) })
}

/// Raw native code where it is mapped, or a copy if it does not begin on a page of its own.
fn in_place(
    mapped: &'static [u8],
    record: &WorkerRecord,
    stored: &[u8],
) -> Result<&'static [u8], LoadFailure> {
    let start = usize::try_from(record.code.offset).unwrap_or(usize::MAX);
    let there = mapped
        .get(start..)
        .and_then(|rest| rest.get(..stored.len()));
    match there {
        Some(bytes)
            if bytes
                .as_ptr()
                .addr()
                .is_multiple_of(rustix::param::page_size()) =>
        {
            Ok(bytes)
        }
        _ => Ok(leak_pages(stored.len(), |pages| {
            pages.copy_from_slice(stored);
            Ok::<_, std::io::Error>(())
        })?),
    }
}
