//! Builds the stub that `wws` embeds.
//!
//! The stub is built alone, by a cargo call with a target folder of its own: in one build with the
//! bundler cargo would unify features and put the compiler into it. `WWS_STUB_PATH` names a ready
//! one instead, for cross builds and packagers.

#[path = "build/components.rs"]
mod components;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGET: &str = "x86_64-unknown-linux-gnu";

fn main() {
    println!("cargo::rerun-if-env-changed=WWS_STUB_PATH");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace member");
    let stub = match env::var_os("WWS_STUB_PATH") {
        Some(path) => {
            println!("cargo::rerun-if-changed={}", Path::new(&path).display());
            PathBuf::from(path)
        }
        None => build_stub(workspace, &out),
    };
    embed_engine(workspace, &out);
    components::write_of_stub(workspace, "", TARGET, &out.join("stub-components.txt"));
    components::write_of_engine(workspace, &out.join("engine-components.txt"));
    let folder = out.join("stub");
    fs::create_dir_all(&folder).expect("OUT_DIR can be written");
    let copy = folder.join("runtime-stub");
    fs::copy(&stub, &copy)
        .unwrap_or_else(|error| panic!("the stub {} cannot be copied: {error}", stub.display()));
}

/// The engine of scripts comes built: see `engines/javascript`.
fn embed_engine(workspace: &Path, out: &Path) {
    let engine = workspace.join("engines/javascript/javascript.wasm");
    println!("cargo::rerun-if-changed={}", engine.display());
    let folder = out.join("engines");
    fs::create_dir_all(&folder).expect("OUT_DIR can be written");
    fs::copy(&engine, folder.join("javascript.wasm"))
        .unwrap_or_else(|error| panic!("{} cannot be copied: {error}", engine.display()));
}

fn build_stub(workspace: &Path, out: &Path) -> PathBuf {
    for source in ["runtime-stub", "crates", "Cargo.toml", "Cargo.lock"] {
        println!(
            "cargo::rerun-if-changed={}",
            workspace.join(source).display()
        );
    }
    let profile = match env::var("PROFILE").as_deref() {
        Ok("release") => "stub",
        _ => "stub-dev",
    };
    // OUT_DIR is <target>/<profile>/build/<package>/out.
    let target_dir = out
        .ancestors()
        .nth(4)
        .expect("OUT_DIR lies in a target folder")
        .join("stub");
    let cargo = env::var_os("CARGO").expect("cargo sets CARGO");
    let status = Command::new(cargo)
        .current_dir(workspace)
        .args([
            "build",
            "--package",
            "runtime-stub",
            "--bin",
            "runtime-stub",
            "--locked",
        ])
        .args(["--profile", profile, "--target", TARGET])
        .arg("--target-dir")
        .arg(&target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(workspace))
        // The stub is built the same way, whatever is being done to the bundler (clippy, say).
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CARGO_TARGET_DIR")
        .status()
        .expect("cargo can be run");
    assert!(status.success(), "the stub does not build: {status}");
    target_dir.join(TARGET).join(profile).join("runtime-stub")
}

/// Linked statically, and without the paths of the machine that builds it.
fn rustflags(workspace: &Path) -> String {
    let mut flags = vec![
        "-Ctarget-feature=+crt-static".to_owned(),
        // Random numbers come from the system call: a static program that looks for it in its
        // libc finds nothing, and would open /dev/urandom, which an empty container has not.
        "--cfg=getrandom_backend=\"linux_getrandom\"".to_owned(),
    ];
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    if let Some(home) = home {
        flags.push(format!("--remap-path-prefix={}=/cargo", home.display()));
    }
    flags.push(format!("--remap-path-prefix={}=/wws", workspace.display()));
    flags.join("\x1f")
}
