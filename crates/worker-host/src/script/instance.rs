//! One instance of the engine over the memory of one script.

use std::sync::Arc;
use std::time::Instant;

use script_abi::Event;
use wasmtime::{
    Engine, Extern, ExternType, Instance as WasmInstance, InstancePre, Linker, Memory, Module,
    Store, TypedFunc, format_err,
};

use super::body::Signals;
use super::imports::engine_linker;
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
    imports: Vec<Import>,
}

/// What stands at a place of the engine's list of imports.
enum Import {
    /// The memory of the image.
    Memory,
    /// A function, by its names.
    Function(String, String),
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
        let imports = module.imports().map(|import| match import.ty() {
            ExternType::Memory(_) => Import::Memory,
            _ => Import::Function(import.module().to_owned(), import.name().to_owned()),
        });
        let imports = imports.collect();
        Ok(Self(Arc::new(LoadedEngine {
            module,
            linker,
            imports,
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
        let variables = settings.vars.iter().map(|(_, value)| value.clone()).collect();
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
    request: TypedFunc<(u32, u32), f64>,
    resume: TypedFunc<(u32, u32), f64>,
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
            refusal: None,
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
            request: exports.get_typed_func(&mut store, "request")?,
            resume: exports.get_typed_func(&mut store, "resume")?,
            exports,
            store,
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
        self.store.set_epoch_deadline(1);
        self.resume.call_async(&mut self.store, (event as u32, id)).await
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
    let mut externs = Vec::with_capacity(imports.len());
    for import in imports {
        externs.push(match import {
            Import::Memory => memory.into(),
            Import::Function(module, name) => linker.get(&mut *store, module, name)?,
        });
    }
    Ok(externs)
}
