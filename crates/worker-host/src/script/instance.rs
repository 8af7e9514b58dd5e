//! One instance of the engine over the memory of one script.

use std::sync::Arc;
use std::time::Instant;

use script_abi::Event;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::{
    Engine, Extern, ExternType, Instance as WasmInstance, InstancePre, Linker, Memory, Module,
    ModuleExport, Store, TypedFunc, format_err,
};

use super::body::Signals;
use super::imports::engine_linker;
use super::operations::Operations;
use super::state::{Clock, ScriptState};
use crate::meter::MemoryMeter;
use crate::native_code::NativeCode;
use crate::stdio::Log;
use crate::worker::{Host, LoadError, WorkerSettings};

/// The name of the memory that an image exports.
pub(crate) const IMAGE_MEMORY: &str = "memory";

/// The engine, loaded once for all scripts of an app. Cheap to clone.
#[derive(Clone)]
pub struct ScriptEngine(Arc<LoadedEngine>);

pub(crate) struct LoadedEngine {
    module: Module,
    linker: Linker<ScriptState>,
    /// For each import of the module its place in what the linker lists, whose order is always the
    /// same; `None` is the memory. Looking names up for every instance takes longer.
    imports: Vec<Option<usize>>,
    request: ModuleExport,
    resume: ModuleExport,
    settled: ModuleExport,
}

impl ScriptEngine {
    /// Loads the engine; its code is executed where it lies.
    pub fn load(host: &Host, code: NativeCode) -> Result<Self, LoadError> {
        let module = code
            .into_module(host.engine())
            .map_err(|reason| LoadError::Incompatible { reason })?;
        Self::of_module(module).map_err(|reason| LoadError::Imports { reason })
    }

    pub(crate) fn of_module(module: Module) -> wasmtime::Result<Self> {
        let linker = engine_linker(module.engine())?;
        let mut store = Store::new(module.engine(), ScriptState::unused());
        let listed: Vec<(&str, &str)> = linker
            .iter(&mut store)
            .map(|(module, name, _)| (module, name))
            .collect();
        let place = |import: wasmtime::ImportType<'_>| match import.ty() {
            ExternType::Memory(_) => Ok(None),
            _ => {
                let names = (import.module(), import.name());
                let place = listed.iter().position(|listed| *listed == names);
                place.map(Some).ok_or_else(|| {
                    format_err!(
                        "the engine imports {}::{}, which is not there",
                        names.0,
                        names.1
                    )
                })
            }
        };
        let imports = module
            .imports()
            .map(place)
            .collect::<wasmtime::Result<_>>()?;
        let export = |name: &str| {
            let index = module.get_export_index(name);
            index.ok_or_else(|| format_err!("the engine does not export {name}"))
        };
        Ok(Self(Arc::new(LoadedEngine {
            imports,
            request: export("request")?,
            resume: export("resume")?,
            settled: export("settled")?,
            module,
            linker,
        })))
    }

    fn engine(&self) -> &Engine {
        self.0.module.engine()
    }
}

/// A script: the engine, and the image of its heap.
pub(crate) struct ScriptProgram {
    engine: ScriptEngine,
    image: InstancePre<ScriptState>,
    variables: Arc<[String]>,
}

impl ScriptProgram {
    pub(crate) fn new(
        engine: &ScriptEngine,
        image: &Module,
        settings: &WorkerSettings,
    ) -> wasmtime::Result<Self> {
        let variables = settings
            .vars
            .iter()
            .map(|(_, value)| value.clone())
            .collect();
        Ok(Self {
            engine: engine.clone(),
            // It imports nothing.
            image: Linker::new(engine.engine()).instantiate_pre(image)?,
            variables,
        })
    }
}

/// An instance that has been given all that it needs, and is not in the middle of a call.
pub(crate) struct Instance {
    pub(crate) store: Store<ScriptState>,
    pub(crate) exports: WasmInstance,
    engine: ScriptEngine,
    request: TypedFunc<(u32, u32), f64>,
    /// Looked up when there is something to wait for: mostly there is not.
    resume: Option<TypedFunc<(u32, u32), f64>>,
    settled: Option<TypedFunc<(u32, u32), f64>>,
    /// Its place in the pool; the last field, given back when all else is gone.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

impl Instance {
    /// A fresh instance of a script.
    pub(crate) async fn new(
        program: &ScriptProgram,
        settings: &WorkerSettings,
        table_elements_max: usize,
        signals: Arc<Signals>,
    ) -> wasmtime::Result<Self> {
        let state = ScriptState {
            meter: MemoryMeter::new(settings.limits.memory, table_elements_max),
            memory: None,
            input: Vec::new(),
            requests: Vec::new(),
            clock: Clock::Running(Instant::now()),
            variables: Arc::clone(&program.variables),
            log: Log::new(Arc::clone(&settings.log)),
            signals,
            response_body: settings.limits.response_body,
            time: settings.limits.time,
            refusal: None,
            worker: None,
            operations: Operations::default(),
            cache: None,
            held: None,
            is_repeated: false,
            store_failure: None,
        };
        let mut store = new_store(program.engine.engine(), state);
        let image = program.image.instantiate_async(&mut store).await?;
        Self::of_image(&program.engine, store, &image).await
    }

    /// An instance of the engine over the memory that `image` exports.
    pub(crate) async fn of_image(
        engine: &ScriptEngine,
        mut store: Store<ScriptState>,
        image: &WasmInstance,
    ) -> wasmtime::Result<Self> {
        let memory = image
            .get_memory(&mut store, IMAGE_MEMORY)
            .ok_or_else(|| format_err!("the image of a script has no memory"))?;
        store.data_mut().memory = Some(memory);
        let imports = imports(engine, &mut store, memory)?;
        let exports = WasmInstance::new_async(&mut store, &engine.0.module, &imports).await?;
        Ok(Self {
            request: function(&exports, &mut store, &engine.0.request)?,
            resume: None,
            settled: None,
            engine: engine.clone(),
            exports,
            store,
            place: None,
        })
    }

    /// Begins a request, whose head is encoded already; gives the milliseconds until a timer is
    /// due.
    pub(crate) async fn request(&mut self, id: u32, head: Vec<u8>) -> wasmtime::Result<f64> {
        let length = u32::try_from(head.len())?;
        self.store.data_mut().input = head;
        self.store.set_epoch_deadline(1);
        self.request.call_async(&mut self.store, (id, length)).await
    }

    /// Goes on after an event; gives the milliseconds until a timer is due.
    pub(crate) async fn resume(&mut self, event: Event, id: u32) -> wasmtime::Result<f64> {
        let resume = match &self.resume {
            Some(resume) => resume,
            None => {
                let found = function(&self.exports, &mut self.store, &self.engine.0.resume)?;
                self.resume.insert(found)
            }
        };
        self.store.set_epoch_deadline(1);
        resume.call_async(&mut self.store, (event as u32, id)).await
    }

    /// Goes on after the end of an operation; gives the milliseconds until a timer is due.
    pub(crate) async fn settled(&mut self, number: u32, outcome: Vec<u8>) -> wasmtime::Result<f64> {
        let settled = match &self.settled {
            Some(settled) => settled,
            None => {
                let found = function(&self.exports, &mut self.store, &self.engine.0.settled)?;
                self.settled.insert(found)
            }
        };
        let length = u32::try_from(outcome.len())?;
        self.store.data_mut().input = outcome;
        self.store.set_epoch_deadline(1);
        settled.call_async(&mut self.store, (number, length)).await
    }
}

pub(crate) fn new_store(engine: &Engine, state: ScriptState) -> Store<ScriptState> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.meter);
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    store
}

fn imports(
    engine: &ScriptEngine,
    store: &mut Store<ScriptState>,
    memory: Memory,
) -> wasmtime::Result<Vec<Extern>> {
    let LoadedEngine {
        linker, imports, ..
    } = &*engine.0;
    let listed: Vec<Extern> = linker
        .iter(store)
        .map(|(_, _, function)| function)
        .collect();
    let import = |place: &Option<usize>| match place {
        None => Ok(memory.into()),
        Some(place) => {
            let function = listed.get(*place).cloned();
            function.ok_or_else(|| format_err!("the list of imports has changed"))
        }
    };
    imports.iter().map(import).collect()
}

fn function(
    exports: &WasmInstance,
    store: &mut Store<ScriptState>,
    export: &ModuleExport,
) -> wasmtime::Result<TypedFunc<(u32, u32), f64>> {
    let function = exports
        .get_module_export(&mut *store, export)
        .and_then(Extern::into_func);
    function
        .ok_or_else(|| format_err!("the engine exports no such function"))?
        .typed(store)
}
