//! Builds the stubs that `wws` embeds.
//!
//! Each is built alone, by a cargo call with a target folder of its own: in one build with the
//! bundler cargo would unify features and put the compiler into it. `WWS_STUB_PATH` names a
//! folder with ready ones instead, or one program for all, for cross builds and packagers.

#[path = "build/components.rs"]
mod components;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What each stub can host, and the features of `runtime-stub` that make it so.
const STUBS: [(&str, &str); 3] = [
    ("modules", ""),
    ("components", "components"),
    ("services", "concurrency"),
];

fn main() {
    println!("cargo::rerun-if-env-changed=WWS_STUB_PATH");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace member");
    embed_engine(workspace, &out);
    let folder = out.join("stubs");
    components::write_of_engine(workspace, &out.join("engine-components.txt"));
    fs::create_dir_all(&folder).expect("OUT_DIR can be written");
    let ready = env::var_os("WWS_STUB_PATH").map(PathBuf::from);
    for (name, features) in STUBS {
        let list = out.join(format!("{name}-components.txt"));
        components::write_of_stub(workspace, features, TARGET, &list);
        let stub = match &ready {
            Some(path) if path.is_dir() => path.join(name),
            Some(path) => path.clone(),
            None => build_stub(workspace, &out, features_for(features)),
        };
        if ready.is_some() {
            println!("cargo::rerun-if-changed={}", stub.display());
        }
        embed_stub(&stub, &folder.join(name)).unwrap_or_else(|error| {
            panic!("the stub {} cannot be embedded: {error}", stub.display())
        });
    }
}

/// A debug build makes do with two stubs: that for services hosts all other components too.
fn features_for(features: &str) -> &str {
    match (features, env::var("PROFILE").as_deref()) {
        ("components", Ok("debug")) => "concurrency",
        _ => features,
    }
}

/// Three stubs beside each other would be most of `wws`.
fn embed_stub(stub: &Path, to: &Path) -> std::io::Result<()> {
    let level = match env::var("PROFILE").as_deref() {
        Ok("release") => 12,
        _ => 1,
    };
    let frame = zstd::encode_all(&*fs::read(stub)?, level)?;
    fs::write(to, frame)
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

fn build_stub(workspace: &Path, out: &Path, features: &str) -> PathBuf {
    for source in ["runtime-stub", "crates", "Cargo.toml", "Cargo.lock"] {
        println!(
            "cargo::rerun-if-changed={}",
            workspace.join(source).display()
        );
    }
    let (profile, last_step): (_, &[_]) = match env::var("PROFILE").as_deref() {
        // Of the whole program at its end: all that is fast by itself stays so. Where a profile says
        // how a package is compiled, cargo forgets that it says `strip`.
        Ok("release") => ("stub", &["--", "-Copt-level=z", "-Cstrip=symbols"]),
        _ => ("stub-dev", &[]),
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
            "rustc",
            "--package",
            "runtime-stub",
            "--bin",
            "runtime-stub",
            "--locked",
            "--features",
            features,
        ])
        .args(["--profile", profile, "--target", TARGET])
        .arg("--target-dir")
        .arg(&target_dir)
        .args(last_step)
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
        // Functions with the same code are there once, and what is relocated at start is packed:
        // a tenth less.
        "-Clink-arg=-Wl,--icf=all".to_owned(),
        "-Clink-arg=-Wl,-z,pack-relative-relocs".to_owned(),
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
