//! Lists what the programs in an app are built from, for its list of contents (SBOM).
//!
//! One line a component: its kind, name, version and licence, with tabs between. The kind is the
//! `type` of a package URL: `cargo`, or `generic` for what is in every Rust program.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// Writes the components of the stub with the given features to a file.
pub(crate) fn write_of_stub(workspace: &Path, features: &str, target: &str, to: &Path) {
    let mut lines = crates_of_stub(workspace, features, target);
    lines.extend(standard_libraries());
    write(lines, to);
}

/// Writes the components of the engine of scripts to a file: all that its lock file names.
pub(crate) fn write_of_engine(workspace: &Path, to: &Path) {
    let lock = workspace.join("engines/javascript/Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = fs::read_to_string(&lock)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", lock.display()));
    let quoted = |line: &str, key: &str| {
        let value = line.strip_prefix(key)?.strip_prefix(" = ")?;
        Some(value.trim_matches('"').to_owned())
    };
    let of_package = |package: &str| {
        let find = |key| package.lines().find_map(|line| quoted(line, key));
        // What has no source is a part of this repository.
        find("source")?;
        Some(format!("cargo\t{}\t{}\t", find("name")?, find("version")?))
    };
    let packages = text.split("[[package]]").skip(1);
    write(packages.filter_map(of_package).collect(), to);
}

fn write(mut lines: Vec<String>, to: &Path) {
    lines.sort();
    lines.dedup();
    lines.push(String::new());
    fs::write(to, lines.join("\n")).expect("OUT_DIR can be written");
}

/// The crates that are linked into the stub: no macros, and nothing that only builds or tests it.
fn crates_of_stub(workspace: &Path, features: &str, target: &str) -> Vec<String> {
    let cargo = env::var_os("CARGO").expect("cargo sets CARGO");
    let output = Command::new(cargo)
        .current_dir(workspace)
        .args(["tree", "--locked", "--package", "runtime-stub"])
        .args(["--features", features, "--target", target])
        .args(["--edges", "normal,no-proc-macro"])
        .args(["--prefix", "none", "--format", "{p}\t{l}"])
        .output()
        .expect("cargo can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree fails: {errors}");
    let text = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    text.lines().filter_map(crate_line).collect()
}

/// From `name v1.2.3 (/its/folder)`, a tab, a licence, and ` (*)` if it was listed before.
fn crate_line(line: &str) -> Option<String> {
    let (package, license) = line.split_once('\t')?;
    let license = license.trim_end_matches(" (*)").replace('/', " OR ");
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    Some(format!("cargo\t{name}\t{version}\t{license}"))
}

/// Rust's own, and the C library, which is linked statically.
fn standard_libraries() -> Vec<String> {
    let version = |program: &str, argument: &str, before: &str| {
        let output = Command::new(program).arg(argument).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let rest = text.lines().find_map(|line| line.strip_prefix(before))?;
        Some(rest.split(' ').next()?.to_owned())
    };
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let rust = version(&rustc, "--version", "rustc ");
    let glibc = version("getconf", "GNU_LIBC_VERSION", "glibc ");
    let rust = rust.map(|version| format!("generic\trust\t{version}\tMIT OR Apache-2.0"));
    let glibc = glibc.map(|version| format!("generic\tglibc\t{version}\tLGPL-2.1-or-later"));
    rust.into_iter().chain(glibc).collect()
}
