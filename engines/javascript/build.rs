//! Compiles the prelude to bytecode, with the very QuickJS that will run it.
//!
//! Bytecode without source text takes a fifth of the heap that the same functions take when they
//! are parsed where they run, and every image of a script would carry that.

use std::path::PathBuf;
use std::{env, fs};

use rquickjs::module::WriteOptions;
use rquickjs::{Context, Module, Runtime};

fn main() {
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let prelude = folder.join("target/prelude.js");
    println!("cargo::rerun-if-changed={}", prelude.display());
    println!("cargo::rerun-if-env-changed=WWS_SOURCES_HASH");
    let source = fs::read_to_string(&prelude).unwrap_or_else(|error| {
        let advice = "`npm ci && npm run build` in prelude/ makes it (build.sh does all)";
        panic!("{}: {error}; {advice}", prelude.display())
    });
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let source = source.trim_end().trim_end_matches(';');
    let bytecode = compile(&format!("export default {source};"));
    fs::write(out.join("prelude.bin"), bytecode).expect("OUT_DIR can be written");
    let hash = env::var("WWS_SOURCES_HASH").unwrap_or_default();
    println!("cargo::rustc-env=WWS_SOURCES_HASH={hash}");
}

fn compile(source: &str) -> Vec<u8> {
    let runtime = Runtime::new().expect("there is memory");
    let context = Context::full(&runtime).expect("there is memory");
    context.with(|ctx| {
        let module = Module::declare(ctx.clone(), "wws", source)
            .unwrap_or_else(|error| panic!("the prelude: {error}: {:?}", ctx.catch()));
        let options = WriteOptions {
            strip_source: true,
            ..WriteOptions::default()
        };
        module.write(options).expect("a module can be written")
    })
}
