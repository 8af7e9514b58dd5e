//! Finds the prelude, and says which sources this is built from.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let prelude = folder.join("target/prelude.js");
    println!("cargo::rerun-if-changed={}", prelude.display());
    println!("cargo::rerun-if-env-changed=WWS_SOURCES_HASH");
    assert!(
        Path::new(&prelude).exists(),
        "{} is missing; `npm ci && npm run build` in prelude/ makes it (build.sh does all)",
        prelude.display()
    );
    println!("cargo::rustc-env=WWS_PRELUDE={}", prelude.display());
    let hash = env::var("WWS_SOURCES_HASH").unwrap_or_default();
    println!("cargo::rustc-env=WWS_SOURCES_HASH={hash}");
    let _ = fs::metadata(&prelude);
}
