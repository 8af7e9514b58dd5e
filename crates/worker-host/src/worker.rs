//! A loaded worker and the host that it lives in.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use limits::WorkerLimits;
use outbound::Caller;
use tokio::sync::Semaphore;
use wasmtime::{Engine, InstancePre, Linker, PoolingAllocatorMetrics};

use crate::component::{self, ComponentProgram};
use crate::engine::{Allocation, Concurrency, EngineError, PoolSize, PoolUsage, serving_engine};
use crate::legacy_http;
use crate::native_code::NativeCode;
use crate::pace::{BusyThreads, Ticker};
use crate::script::{Lanes, ScriptEngine, ScriptProgram};
use crate::state::State;
use crate::stdio::LogLine;

/// The engine of an app, and what all its workers share.
pub struct Host {
    engine: Engine,
    allocation: Allocation,
    /// As many as the pool has places.
    pub(crate) places: Arc<Semaphore>,
    places_max: u32,
    pub(crate) ticker: Ticker,
    pub(crate) busy: BusyThreads,
    pub(crate) table_elements_max: usize,
}

/// What a worker was compiled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerKind {
    /// A core module with `_start` (WASI preview 1).
    CoreCommand,
    /// A component that exports `wasi:cli/run`.
    ComponentCommand,
    /// A component that exports `wasi:http/incoming-handler` 0.2.
    HttpProxy,
    /// A component that exports `wasi:http/handler` 0.3.
    HttpService,
}

/// How a worker is run.
#[derive(Clone)]
pub struct WorkerSettings {
    /// Its environment.
    pub vars: Vec<(String, String)>,
    /// What one request may take.
    pub limits: WorkerLimits,
    /// How many requests run at once.
    pub concurrency: u32,
    /// How many requests one instance answers. Programs always answer one.
    pub reuse: u32,
    /// The calls that it may make.
    pub outbound: Caller,
    /// Its key-value store, if it has one.
    pub kv: Option<KvSettings>,
    /// Where its log goes.
    pub log: LogLine,
}

/// The key-value store of a worker.
#[derive(Clone)]
pub struct KvSettings {
    /// The one that it can see.
    pub namespace: kv::Namespace,
    /// Whether a run may be repeated when what it was given was changed by another request.
    pub may_retry: bool,
}

/// Why native code could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Another version of wasmtime, other settings, or an instruction set that is missing here.
    #[error(
        "its native code does not run on this machine: {reason:#}; bundle the site again, for \
         other machines without --cpu native"
    )]
    Incompatible {
        /// What wasmtime says.
        reason: wasmtime::Error,
    },
    /// The bundler should have chosen another stub.
    #[error("it is a component of a kind that this program was built without")]
    Absent,
    /// The bundler should have refused it.
    #[error("it imports what this program does not offer: {reason:#}")]
    Imports {
        /// What wasmtime says.
        reason: wasmtime::Error,
    },
}

/// A worker that is ready to be called. Cheap to clone.
#[derive(Clone)]
pub struct Worker(pub(crate) Arc<Loaded>);

pub(crate) struct Loaded {
    pub(crate) host: Arc<Host>,
    pub(crate) program: Program,
    pub(crate) settings: WorkerSettings,
    /// Its environment, for components that read it by `wasi:config`.
    #[cfg_attr(
        not(feature = "components"),
        expect(dead_code, reason = "there are none")
    )]
    pub(crate) config: component::Config,
    pub(crate) permits: Arc<Semaphore>,
    /// Only of a script whose instances are reused.
    pub(crate) lanes: Option<Lanes>,
    pub(crate) waiting: AtomicU32,
}

/// Linked once, instantiated for each request.
pub(crate) enum Program {
    Core(InstancePre<State>),
    #[cfg_attr(
        not(feature = "components"),
        expect(dead_code, reason = "there are none")
    )]
    Component(ComponentProgram),
    Script(ScriptProgram),
}

impl Host {
    /// Starts the engine. Reserves address space for the pool but next to no memory.
    pub fn new(size: &PoolSize, concurrency: Concurrency) -> Result<Arc<Self>, EngineError> {
        let (engine, allocation) = serving_engine(size, concurrency)?;
        Ok(Arc::new(Self {
            ticker: Ticker::new(&engine),
            busy: BusyThreads::default(),
            places: Arc::new(Semaphore::new(size.calls as usize)),
            places_max: size.calls,
            table_elements_max: usize::try_from(size.table_elements).unwrap_or(usize::MAX),
            allocation,
            engine,
        }))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What the pool holds now.
    pub fn pool_usage(&self) -> PoolUsage {
        let metrics = self.engine.pooling_allocator_metrics();
        let of_pool = |count: fn(&PoolingAllocatorMetrics) -> usize| {
            metrics.as_ref().map_or(0, |metrics| count(metrics) as u64)
        };
        let calls_max = u64::from(self.places_max);
        PoolUsage {
            calls_max,
            calls: calls_max.saturating_sub(self.places.available_permits() as u64),
            memories: of_pool(PoolingAllocatorMetrics::memories),
            idle_bytes: of_pool(PoolingAllocatorMetrics::unused_memory_bytes_resident),
        }
    }

    /// Where instances come from.
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }
}

impl Worker {
    /// Loads native code and links it; the code is executed where it lies.
    pub fn load(
        host: &Arc<Host>,
        kind: WorkerKind,
        code: NativeCode,
        settings: WorkerSettings,
    ) -> Result<Self, LoadError> {
        match kind {
            WorkerKind::CoreCommand => {
                Ok(Self::new(host, load_core(&host.engine, code)?, settings))
            }
            WorkerKind::ComponentCommand | WorkerKind::HttpProxy | WorkerKind::HttpService => {
                component::load(host, kind, code, settings)
            }
        }
    }

    /// Loads a script: the image of its heap, for the engine that all scripts share.
    pub fn load_script(
        host: &Arc<Host>,
        engine: &ScriptEngine,
        image: NativeCode,
        settings: WorkerSettings,
    ) -> Result<Self, LoadError> {
        let image = image
            .into_module(&host.engine)
            .map_err(|reason| LoadError::Incompatible { reason })?;
        let program = ScriptProgram::new(engine, &image, &settings)
            .map_err(|reason| LoadError::Imports { reason })?;
        Ok(Self::new(host, Program::Script(program), settings))
    }

    pub(crate) fn new(host: &Arc<Host>, program: Program, settings: WorkerSettings) -> Self {
        let config = component::Config::default();
        Self(Arc::new(Loaded::new(host, program, settings, config)))
    }
}

impl Loaded {
    pub(crate) fn new(
        host: &Arc<Host>,
        program: Program,
        settings: WorkerSettings,
        config: component::Config,
    ) -> Self {
        let lanes = (matches!(program, Program::Script(_)) && settings.reuse > 1)
            .then(|| Lanes::new(settings.reuse, settings.concurrency));
        Self {
            host: Arc::clone(host),
            program,
            permits: Arc::new(Semaphore::new(settings.concurrency as usize)),
            lanes,
            waiting: AtomicU32::new(0),
            config,
            settings,
        }
    }
}

fn load_core(engine: &Engine, code: NativeCode) -> Result<Program, LoadError> {
    let module = code
        .into_module(engine)
        .map_err(|reason| LoadError::Incompatible { reason })?;
    let linker = core_linker(engine).map_err(|reason| LoadError::Imports { reason })?;
    let linked = linker
        .instantiate_pre(&module)
        .map_err(|reason| LoadError::Imports { reason })?;
    Ok(Program::Core(linked))
}

/// All that a core module can import.
pub(crate) fn core_linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut linker, |state: &mut State| &mut state.wasi)?;
    legacy_http::add_to_linker(&mut linker)?;
    Ok(linker)
}
