//! Compiles the workers of a site, or finds them in the cache; evaluates its scripts.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use limits::WorkerLimits;
use rust_embed::RustEmbed;
use worker_host::compile::{Compiled, Compiler, ScriptCompiler, ScriptEngineError, SnapshotError};
use worker_host::{CodeTarget, EngineError, LogLine};

use crate::cache::{self, Cache, What};
use crate::problem::Problem;
use crate::scripts;
use crate::survey::{Program, WorkerFile};

/// The engine of scripts, which `engines/javascript/build.sh` makes.
#[derive(RustEmbed)]
#[folder = "$OUT_DIR/engines"]
struct Engines;

/// The most lines of what a script logs while it is evaluated that are shown.
const LOGGED_LINES_MAX: usize = 20;

/// Native code for all workers of a site.
#[derive(Debug, Default)]
pub struct CompiledSite {
    /// In the order of the survey's workers.
    pub workers: Vec<Compiled>,
    /// If there are scripts.
    pub script_engine: Option<CompiledEngine>,
    /// What scripts have logged, for the user.
    pub notes: Vec<String>,
}

/// The engine that all scripts share.
#[derive(Debug)]
pub struct CompiledEngine {
    /// Its native code.
    pub code: Compiled,
    /// The image of its memory without a script.
    pub base: Compiled,
}

/// Why nothing can be compiled here.
#[derive(Debug, thiserror::Error)]
pub enum CompilerError {
    /// No compiler for this machine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// This `wws` was built wrongly.
    #[error(transparent)]
    ScriptEngine(#[from] ScriptEngineError),
    /// The same.
    #[error("the JavaScript engine in this wws is unusable: {0}")]
    Base(SnapshotError),
}

/// Native code for each worker; what does not compile, imports what is not there, or throws when
/// it is evaluated, is left out and goes to `problems`. wasmtime compiles the functions of one
/// worker in parallel.
pub fn compile(
    workers: &[WorkerFile],
    target: CodeTarget,
    cache: &Cache,
    problems: &mut Vec<Problem>,
    mut done: impl FnMut(&WorkerFile),
) -> Result<CompiledSite, CompilerError> {
    let mut tools = Tools {
        target,
        cache,
        compiler: None,
        scripts: None,
    };
    let mut site = CompiledSite::default();
    for worker in workers {
        let result = match &worker.program {
            Program::Wasm(wasm, kind) => tools
                .wasm(wasm, *kind)?
                .map_err(|error| Problem::new(worker.file.name.clone(), error.to_string())),
            Program::Script(graph) => {
                let limits = worker.config.limits.apply(WorkerLimits::default());
                let script = scripts::for_engine(graph, &worker.config);
                let logged = Logged::default();
                let result =
                    tools
                        .script_compiler()?
                        .snapshot(&script, limits.memory, logged.sink());
                site.notes.extend(logged.notes(&worker.file.name));
                result.map_err(|error| match error {
                    SnapshotError::Refused(refusal) => scripts::refused(graph, &refusal),
                    other => Problem::new(worker.file.name.clone(), other.to_string()),
                })
            }
        };
        match result {
            Ok(code) => site.workers.push(code),
            Err(problem) => problems.push(problem),
        }
        done(worker);
    }
    if let Some((code, compiler)) = tools.scripts {
        let base = compiler.base().map_err(CompilerError::Base)?;
        site.script_engine = Some(CompiledEngine { code, base });
    }
    Ok(site)
}

/// What compiles, made when it is needed first.
struct Tools<'c> {
    target: CodeTarget,
    cache: &'c Cache,
    compiler: Option<Compiler>,
    scripts: Option<(Compiled, ScriptCompiler)>,
}

impl Tools<'_> {
    fn compiler(&mut self) -> Result<&Compiler, EngineError> {
        match self.compiler {
            Some(ref compiler) => Ok(compiler),
            None => Ok(self.compiler.insert(Compiler::new(self.target)?)),
        }
    }

    fn wasm(
        &mut self,
        wasm: &[u8],
        kind: worker_host::WorkerKind,
    ) -> Result<Result<Compiled, worker_host::compile::CompileError>, EngineError> {
        let key = cache::key(wasm, What::Worker(kind), self.target);
        let cache = self.cache;
        Ok(match cache.get(&key) {
            Some(kept) => Ok(kept),
            None => {
                let compiled = self.compiler()?.compile(kind, wasm);
                compiled.inspect(|new| cache.put(&key, new))
            }
        })
    }

    fn script_compiler(&mut self) -> Result<&ScriptCompiler, CompilerError> {
        if self.scripts.is_none() {
            let wasm = engine_module();
            let key = cache::key(&wasm, What::ScriptEngine, self.target);
            let cache = self.cache;
            let compiler = self.compiler()?;
            let code = match cache.get(&key) {
                Some(kept) => kept,
                None => {
                    let new = compiler.compile_script_engine(&wasm)?;
                    cache.put(&key, &new);
                    new
                }
            };
            let scripts = compiler.script_compiler(&wasm, &code)?;
            self.scripts = Some((code, scripts));
        }
        match &self.scripts {
            Some((_, compiler)) => Ok(compiler),
            None => unreachable!("it was made a moment ago"),
        }
    }
}

fn engine_module() -> Cow<'static, [u8]> {
    Engines::get("javascript.wasm")
        .map(|file| file.data)
        .unwrap_or_default()
}

/// What a script logs while it is evaluated.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<String>>>);

impl Logged {
    fn sink(&self) -> LogLine {
        let lines = Arc::clone(&self.0);
        Arc::new(move |_, line| {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() <= LOGGED_LINES_MAX {
                lines.push(line.to_owned());
            }
        })
    }

    fn notes(&self, name: &str) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = lines.iter().take(LOGGED_LINES_MAX);
        let mut notes: Vec<String> = shown.map(|line| format!("{name} logs: {line}")).collect();
        if lines.len() > LOGGED_LINES_MAX {
            notes.push(format!("{name} logs more than is shown here"));
        }
        notes
    }
}
