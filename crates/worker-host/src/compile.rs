//! Telling workers from other modules, and compiling them.

use wasmparser::{Encoding, ExternalKind, Parser, Payload};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::component::{self, LinkError};
use crate::engine::{CodeTarget, EngineError, compiling_engine};
use crate::legacy_http;
pub use crate::script::image::EngineModuleError;
use crate::script::snapshot;
pub use crate::script::snapshot::{ScriptCompiler, ScriptEngineError, SnapshotError};
use crate::worker::{WorkerKind, core_linker};

/// What a `.wasm` file is, told by its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WasmKind {
    /// A program of the wws protocol, or a component that answers HTTP requests itself.
    Worker(WorkerKind),
    /// A component that exports a `wasi:http` handler of a version that is not known; the name of
    /// the export.
    UnknownHandler(String),
    /// A module with `_start` that imports nothing of WASI: a browser's, or a worker for another
    /// host.
    ForeignCommand,
    /// A module for some other host, such as a browser.
    Other,
}

/// Why a file is no WebAssembly.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// Another kind of file.
    #[error("this is no WebAssembly module or component: it does not begin with \\0asm")]
    NotWasm,
    /// Cut off or damaged.
    #[error("this WebAssembly file is damaged: {0}")]
    Damaged(#[from] wasmparser::BinaryReaderError),
}

/// Looks at imports and exports; does not validate the code.
pub fn inspect(wasm: &[u8]) -> Result<WasmKind, InspectError> {
    if !wasm.starts_with(b"\0asm") {
        return Err(InspectError::NotWasm);
    }
    let mut found = Found::default();
    let mut depth = 0u32;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::Version { encoding, .. } if depth == 0 => {
                found.is_component = encoding == Encoding::Component;
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ImportSection(imports) if depth == 0 => {
                for import in imports.into_imports() {
                    found.imports = true;
                    found.imports_wasi |= import?.module.starts_with("wasi_");
                }
            }
            Payload::ExportSection(exports) if depth == 0 => {
                for export in exports {
                    let export = export?;
                    found.start |= export.name == "_start" && export.kind == ExternalKind::Func;
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    found.component_exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(found.kind())
}

#[derive(Default)]
struct Found {
    is_component: bool,
    imports: bool,
    imports_wasi: bool,
    start: bool,
    component_exports: Vec<String>,
}

impl Found {
    fn kind(self) -> WasmKind {
        let exports = |prefix: &str| {
            self.component_exports
                .iter()
                .find(|name| name.starts_with(prefix))
                .cloned()
        };
        if self.is_component {
            // The newest first: a component may export a handler for each.
            let kinds = [
                ("wasi:http/handler@0.3.", WorkerKind::HttpService),
                ("wasi:http/incoming-handler@0.2.", WorkerKind::HttpProxy),
                ("wasi:cli/run", WorkerKind::ComponentCommand),
            ];
            let known = |(prefix, kind)| exports(prefix).map(|_| WasmKind::Worker(kind));
            let unknown = || {
                exports("wasi:http/handler")
                    .or(exports("wasi:http/incoming-handler"))
                    .map(WasmKind::UnknownHandler)
            };
            return kinds
                .into_iter()
                .find_map(known)
                .or_else(unknown)
                .unwrap_or(WasmKind::Other);
        }
        match (self.start, self.imports_wasi || !self.imports) {
            (false, _) => WasmKind::Other,
            (true, true) => WasmKind::Worker(WorkerKind::CoreCommand),
            (true, false) => WasmKind::ForeignCommand,
        }
    }
}

/// A compiled worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// Native code, to be loaded by [`Worker::load`](crate::Worker::load).
    pub code: Vec<u8>,
    /// What one instance takes from the pool.
    pub needs: Needs,
}

/// What one instance takes from the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Linear memories.
    pub memories: u32,
    /// The largest memory at its start, in bytes.
    pub memory_bytes_initial: u64,
    /// Tables.
    pub tables: u32,
    /// The longest table at its start, in elements.
    pub table_elements_initial: u64,
    /// Core instances.
    pub core_instances: u32,
}

/// Why a worker was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Not valid WebAssembly, or a proposal that is not supported.
    #[error("it does not compile: {reason:#}")]
    Invalid {
        /// What wasmtime says.
        reason: wasmtime::Error,
    },
    /// It wants what the host does not have.
    #[error("it imports what wws does not offer: {reason:#}. Available: {available}")]
    Imports {
        /// Names module and import.
        reason: wasmtime::Error,
        /// What there is instead.
        available: &'static str,
    },
    /// It does not export what its kind is called by.
    #[error("it does not export what wws calls: {reason:#}")]
    Exports {
        /// Names the export.
        reason: wasmtime::Error,
    },
    /// It could never receive an answer.
    #[error(
        "it imports http.send-http-request and exports no {export}, into which answers are put"
    )]
    LacksRealloc {
        /// The name of the function.
        export: &'static str,
    },
}

const CORE_IMPORTS: &str = "all of wasi_snapshot_preview1, and http.send-http-request of wws 1.x";
const COMPONENT_IMPORTS: &str = "the interfaces of wasi:cli and wasi:http 0.2, in a wasi:http 0.3 \
     service also those of 0.3, wasi:config/store@0.2.0-rc.1, and wasi:keyvalue 0.2.0-draft and \
     0.2.0-draft2";

/// Compiles workers for one kind of CPU.
pub struct Compiler {
    engine: Engine,
}

impl Compiler {
    /// A compiler for `target`.
    pub fn new(target: CodeTarget) -> Result<Self, EngineError> {
        Ok(Self {
            engine: compiling_engine(target)?,
        })
    }

    /// Compiles a worker, and links it for the test: what it imports must be there.
    pub fn compile(&self, kind: WorkerKind, wasm: &[u8]) -> Result<Compiled, CompileError> {
        match kind {
            WorkerKind::CoreCommand => self.compile_core(wasm),
            WorkerKind::ComponentCommand | WorkerKind::HttpProxy | WorkerKind::HttpService => {
                self.compile_component(kind, wasm)
            }
        }
    }

    /// Compiles the engine of scripts, from its module. Takes seconds.
    pub fn compile_script_engine(&self, wasm: &[u8]) -> Result<Compiled, ScriptEngineError> {
        snapshot::compile_engine(&self.engine, wasm)
    }

    /// What evaluates scripts, from the module of the engine and its code.
    pub fn script_compiler(
        &self,
        wasm: &[u8],
        engine: &Compiled,
    ) -> Result<ScriptCompiler, ScriptEngineError> {
        ScriptCompiler::new(&self.engine, wasm, engine)
    }

    fn compile_core(&self, wasm: &[u8]) -> Result<Compiled, CompileError> {
        let invalid = |reason| CompileError::Invalid { reason };
        let module = Module::from_binary(&self.engine, wasm).map_err(invalid)?;
        core_linker(&self.engine)
            .and_then(|linker| linker.instantiate_pre(&module).map(drop))
            .map_err(|reason| CompileError::Imports {
                reason,
                available: CORE_IMPORTS,
            })?;
        legacy_http::check_module(&module)?;
        let required = module.resources_required();
        let needs = Needs {
            core_instances: 1,
            ..Needs::from(&required)
        };
        Ok(Compiled {
            code: module.serialize().map_err(invalid)?,
            needs,
        })
    }

    fn compile_component(&self, kind: WorkerKind, wasm: &[u8]) -> Result<Compiled, CompileError> {
        let invalid = |reason| CompileError::Invalid { reason };
        let component = Component::from_binary(&self.engine, wasm).map_err(invalid)?;
        component::link(&self.engine, kind, &component).map_err(|error| match error {
            LinkError::Imports(reason) => CompileError::Imports {
                reason,
                available: COMPONENT_IMPORTS,
            },
            LinkError::Exports(reason) => CompileError::Exports { reason },
        })?;
        // `None`: it imports components or modules, which no linker of ours offers.
        let needs = component
            .resources_required()
            .as_ref()
            .map(Needs::from)
            .unwrap_or_default();
        let core_instances = core_instances(wasm).max(1);
        let code = component.serialize().map_err(invalid)?;
        Ok(Compiled {
            code,
            needs: Needs {
                core_instances,
                ..needs
            },
        })
    }
}

impl From<&wasmtime::ResourcesRequired> for Needs {
    fn from(required: &wasmtime::ResourcesRequired) -> Self {
        Self {
            memories: required.num_memories,
            memory_bytes_initial: required
                .max_initial_memory_size
                .unwrap_or(0)
                .saturating_mul(65536),
            tables: required.num_tables,
            table_elements_initial: required.max_initial_table_size.unwrap_or(0),
            core_instances: 1,
        }
    }
}

/// How many core instances a component makes of itself, at every depth.
fn core_instances(wasm: &[u8]) -> u32 {
    let payloads = Parser::new(0).parse_all(wasm).filter_map(Result::ok);
    payloads
        .map(|payload| match payload {
            Payload::InstanceSection(section) => section.count(),
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Concurrency, Cpu};

    const TARGET: CodeTarget = CodeTarget {
        cpu: Cpu::Baseline,
        concurrency: Concurrency::On,
    };

    #[test]
    fn a_file_is_told_by_what_it_imports_and_exports() {
        #[track_caller]
        fn check(wat: &str, want: &WasmKind) {
            assert_eq!(&inspect(&wat::parse_str(wat).unwrap()).unwrap(), want);
        }
        let command = WasmKind::Worker(WorkerKind::CoreCommand);
        check(r#"(module (func (export "_start")))"#, &command);
        check(
            r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
                (func (export "_start")))"#,
            &command,
        );
        check(
            r#"(module (import "env" "log" (func)) (func (export "_start")))"#,
            &WasmKind::ForeignCommand,
        );
        check(r#"(module (func (export "main")))"#, &WasmKind::Other);
        check("(component)", &WasmKind::Other);
        check(
            r#"(component (core module (func (export "_start"))))"#,
            &WasmKind::Other,
        );
        check(
            r#"(component (component $c) (instance $i (instantiate $c))
                (export "wasi:cli/run@0.2.0" (instance $i)))"#,
            &WasmKind::Worker(WorkerKind::ComponentCommand),
        );
        check(
            r#"(component (component $c) (instance $i (instantiate $c))
                (export "wasi:http/incoming-handler@0.2.0" (instance $i)))"#,
            &WasmKind::Worker(WorkerKind::HttpProxy),
        );
        check(
            r#"(component (component $c) (instance $i (instantiate $c))
                (export "wasi:http/handler@0.3.0" (instance $i))
                (export "wasi:http/incoming-handler@0.2.9" (instance $i)))"#,
            &WasmKind::Worker(WorkerKind::HttpService),
        );
        check(
            r#"(component (component $c) (instance $i (instantiate $c))
                (export "wasi:http/handler@0.4.0" (instance $i)))"#,
            &WasmKind::UnknownHandler("wasi:http/handler@0.4.0".to_owned()),
        );
    }

    #[test]
    fn other_files_are_refused() {
        assert!(matches!(inspect(b"MZ"), Err(InspectError::NotWasm)));
        assert!(matches!(
            inspect(b"\0asm\x01\0\0\0\x01\xff"),
            Err(InspectError::Damaged(_))
        ));
    }

    #[test]
    fn a_missing_import_is_named_with_what_there_is() {
        let wat = r#"(module (import "env" "missing" (func)) (func (export "_start")))"#;
        let compiler = Compiler::new(TARGET).unwrap();
        let wasm = wat::parse_str(wat).unwrap();
        let error = compiler
            .compile(WorkerKind::CoreCommand, &wasm)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("env") && error.contains("missing"),
            "{error}"
        );
        assert!(error.contains("wasi_snapshot_preview1"), "{error}");
    }

    #[test]
    fn the_same_module_gives_the_same_code() {
        let wasm = wat::parse_str(r#"(module (memory 3) (func (export "_start")))"#).unwrap();
        let compile = || {
            Compiler::new(TARGET)
                .unwrap()
                .compile(WorkerKind::CoreCommand, &wasm)
                .unwrap()
        };
        assert_eq!(compile(), compile());
        assert_eq!(compile().needs.memory_bytes_initial, 3 * 65536);
    }
}
