//! Compiles the workers of a site, or finds them in the cache.

use worker_host::compile::{Compiled, Compiler};
use worker_host::{Cpu, EngineError};

use crate::cache::{self, Cache};
use crate::problem::Problem;
use crate::survey::WorkerFile;

/// Native code for each worker, in their order; what does not compile, or imports what is not
/// there, is left out and goes to `problems`. wasmtime compiles the functions of one in parallel.
pub fn compile(
    workers: &[WorkerFile],
    cpu: Cpu,
    cache: &Cache,
    problems: &mut Vec<Problem>,
    mut done: impl FnMut(&WorkerFile),
) -> Result<Vec<Compiled>, EngineError> {
    let mut compiler = None;
    let mut compiled = Vec::with_capacity(workers.len());
    for worker in workers {
        let key = cache::key(&worker.wasm, worker.kind, cpu);
        let result = match cache.get(&key) {
            Some(kept) => Ok(kept),
            None => {
                let compiler = match &compiler {
                    Some(compiler) => compiler,
                    None => compiler.insert(Compiler::new(cpu)?),
                };
                compiler
                    .compile(worker.kind, &worker.wasm)
                    .inspect(|new| cache.put(&key, new))
            }
        };
        match result {
            Ok(code) => compiled.push(code),
            Err(error) => {
                problems.push(Problem::new(worker.file.name.clone(), error.to_string()));
            }
        }
        done(worker);
    }
    Ok(compiled)
}
