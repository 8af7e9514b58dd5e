//! Evaluating scripts when a site is bundled, and keeping what they have become.

use std::sync::Arc;
use std::time::Duration;

use limits::{ByteSize, TimeSpan};
use script_abi::{Refusal, Script, decode, encode};
use wasmtime::{Engine, Instance as WasmInstance, Module, format_err};

use super::image::{EngineModuleError, Parts, image_of};
use super::instance::{Instance, ScriptEngine, new_store};
use super::state::{Clock, ScriptState};
use crate::call::one_line;
use crate::compile::{Compiled, Needs};
use crate::meter::MemoryMeter;
use crate::native_code::module_of_compiled;
use crate::pace::Ticker;
use crate::stdio::{Log, LogLine};

/// How long the top level of a script may run.
const EVALUATION_MAX: TimeSpan = TimeSpan(Duration::from_secs(10));

/// The largest heap that becomes an image.
const IMAGE_BYTES_MAX: ByteSize = ByteSize(64 << 20);

/// Instances of a script: that of its image, and that of the engine.
const CORE_INSTANCES: u32 = 2;

/// Evaluates scripts.
pub struct ScriptCompiler {
    engine: ScriptEngine,
    first_image: Module,
    stack_top: usize,
    needs: Needs,
    ticker: Ticker,
    runtime: tokio::runtime::Runtime,
}

/// Why a script did not become an image.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It threw, or is no worker.
    #[error("{}", .0.message)]
    Refused(Refusal<'static>),
    /// Its top level does not come to an end.
    #[error(
        "its top level runs for longer than {EVALUATION_MAX}; do the work when a request comes"
    )]
    TooLong,
    /// It wants too much.
    #[error("its top level asked for {asked} of memory; its limit `memory` is {limit}")]
    OutOfMemory {
        /// The limit.
        limit: ByteSize,
        /// What it wanted.
        asked: ByteSize,
    },
    /// It keeps too much.
    #[error(
        "its top level leaves {found} of memory in use, which every copy of the app would carry; \
         at most {IMAGE_BYTES_MAX} can be"
    )]
    TooLarge {
        /// What it keeps.
        found: ByteSize,
    },
    /// The engine failed.
    #[error("the JavaScript engine failed: {reason}")]
    Engine {
        /// What wasmtime says.
        reason: String,
    },
}

/// Why there is nothing to evaluate scripts with.
#[derive(Debug, thiserror::Error)]
pub enum ScriptEngineError {
    /// Its module.
    #[error(transparent)]
    Module(#[from] EngineModuleError),
    /// Its code.
    #[error("the JavaScript engine does not load: {reason:#}")]
    Load {
        /// What wasmtime says.
        reason: wasmtime::Error,
    },
    /// No timer.
    #[error("the JavaScript engine does not start: {0}")]
    Start(#[from] std::io::Error),
}

/// Compiles the engine itself. Takes seconds; the result is good for all scripts.
pub(crate) fn compile_engine(engine: &Engine, wasm: &[u8]) -> Result<Compiled, ScriptEngineError> {
    let load = |reason| ScriptEngineError::Load { reason };
    let parts = Parts::of(wasm)?;
    let module = Module::from_binary(engine, &parts.code).map_err(load)?;
    let needs = Needs::from(&module.resources_required());
    Ok(Compiled {
        code: module.serialize().map_err(load)?,
        needs,
    })
}

impl ScriptCompiler {
    pub(crate) fn new(
        engine: &Engine,
        wasm: &[u8],
        compiled: &Compiled,
    ) -> Result<Self, ScriptEngineError> {
        let load = |reason| ScriptEngineError::Load { reason };
        let parts = Parts::of(wasm)?;
        let module = module_of_compiled(engine, compiled).map_err(load)?;
        Ok(Self {
            engine: ScriptEngine::of_module(module).map_err(load)?,
            first_image: Module::from_binary(engine, &parts.first_image).map_err(load)?,
            stack_top: parts.stack_top,
            needs: compiled.needs,
            ticker: Ticker::new(engine),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()?,
        })
    }

    /// The image of the engine without any script: most of every other image is the same.
    pub fn base(&self) -> Result<Compiled, SnapshotError> {
        self.image(None, IMAGE_BYTES_MAX, Arc::new(|_, _| {}))
    }

    /// Evaluates a script and gives the image of what it has become. What it logs goes to `log`.
    pub fn snapshot(
        &self,
        script: &Script<'_>,
        memory: ByteSize,
        log: LogLine,
    ) -> Result<Compiled, SnapshotError> {
        self.image(Some(encode(script)), memory, log)
    }

    fn image(
        &self,
        script: Option<Vec<u8>>,
        limit: ByteSize,
        log: LogLine,
    ) -> Result<Compiled, SnapshotError> {
        let _ticking = self.ticker.start();
        // Inside, since a timer is made where its runtime is.
        let ended = self.runtime.block_on(async {
            tokio::time::timeout(EVALUATION_MAX.0, self.evaluate(script, limit, log)).await
        });
        let memory = ended.map_err(|_| SnapshotError::TooLong)??;
        let found = ByteSize(memory.len() as u64);
        if found > IMAGE_BYTES_MAX {
            return Err(SnapshotError::TooLarge { found });
        }
        let failed = |reason: wasmtime::Error| SnapshotError::Engine {
            reason: one_line(&format!("{reason:#}")),
        };
        let image = Module::from_binary(self.first_image.engine(), &image_of(&memory));
        let image = image.map_err(failed)?;
        Ok(Compiled {
            code: image.serialize().map_err(failed)?,
            needs: Needs {
                memories: 1,
                memory_bytes_initial: found.0,
                core_instances: CORE_INSTANCES,
                ..self.needs
            },
        })
    }

    /// The memory after a script was evaluated; without one, after the engine was prepared.
    async fn evaluate(
        &self,
        script: Option<Vec<u8>>,
        limit: ByteSize,
        log: LogLine,
    ) -> Result<Vec<u8>, SnapshotError> {
        let state = ScriptState {
            meter: MemoryMeter::new(limit, usize::MAX),
            clock: Clock::Frozen,
            log: Log::new(log),
            ..ScriptState::unused()
        };
        let mut store = new_store(self.first_image.engine(), state);
        let failed = |reason: wasmtime::Error| SnapshotError::Engine {
            reason: one_line(&format!("{reason:#}")),
        };
        let image = WasmInstance::new_async(&mut store, &self.first_image, &[]);
        let image = image.await.map_err(failed)?;
        let instance = Instance::of_image(&self.engine, store, &image);
        let mut instance = instance.await.map_err(failed)?;
        let ended = run(&mut instance, script).await;
        let state = instance.store.data_mut();
        state.log.finish();
        if let Some(refusal) = state.refusal.take() {
            // Memory that was refused is what the script most likely failed for.
            if let Some(asked) = state.meter.refused() {
                return Err(SnapshotError::OutOfMemory { limit, asked });
            }
            return Err(match decode::<Refusal<'_>>(&refusal) {
                Ok(refusal) => SnapshotError::Refused(refusal.into_owned()),
                Err(error) => failed(error.into()),
            });
        }
        match (ended, state.meter.refused()) {
            (Ok(()), _) => {}
            (Err(_), Some(asked)) => return Err(SnapshotError::OutOfMemory { limit, asked }),
            (Err(error), None) => return Err(failed(error)),
        }
        let memory = state
            .memory
            .ok_or_else(|| failed(format_err!("it has no memory")))?;
        let mut memory = memory.data(&instance.store).to_vec();
        // What lies there is left over from calls that have returned.
        memory[..self.stack_top].fill(0);
        Ok(memory)
    }
}

async fn run(instance: &mut Instance, script: Option<Vec<u8>>) -> wasmtime::Result<()> {
    let Instance { store, exports, .. } = instance;
    let prepare = exports.get_typed_func::<(), ()>(&mut *store, "prepare")?;
    prepare.call_async(&mut *store, ()).await?;
    let Some(script) = script else {
        return Ok(());
    };
    let length = u32::try_from(script.len())?;
    store.data_mut().input = script;
    let load = exports.get_typed_func::<u32, u32>(&mut *store, "load")?;
    let loaded = load.call_async(&mut *store, length).await?;
    match (loaded, &store.data().refusal) {
        (0, None) => Err(format_err!("it did not start")),
        _ => Ok(()),
    }
}
