//! Makes a component of a core module that was built for `wasm32-wasip1`.
//!
//! The module carries the types of its component in custom sections, where wit-bindgen put them.
//! What it imports from WASI preview 1, through the standard library, an adapter translates.
//!
//! ```text
//! componentize MODULE.wasm COMPONENT.wasm
//! ```

use std::error::Error;
use std::fs;
use std::process::ExitCode;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as ADAPTER_NAME,
    WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER as COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(module), Some(component), None) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("usage: componentize MODULE.wasm COMPONENT.wasm");
        return ExitCode::from(2);
    };
    match componentize(&module, &component) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("componentize: {module}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn componentize(module: &str, component: &str) -> Result<(), Box<dyn Error>> {
    let module = fs::read(module)?;
    let adapter = if exports_start(&module) {
        COMMAND_ADAPTER
    } else {
        REACTOR_ADAPTER
    };
    let bytes = ComponentEncoder::default()
        .module(&module)?
        .adapter(ADAPTER_NAME, adapter)?
        .validate(true)
        .encode()?;
    fs::write(component, bytes)?;
    Ok(())
}

/// Whether `module` is a program, and not a library. A name in the export section stands behind
/// its length.
fn exports_start(module: &[u8]) -> bool {
    module.windows(7).any(|bytes| bytes == b"\x06_start")
}
