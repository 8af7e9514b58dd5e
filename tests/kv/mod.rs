//! The key-value store from outside: that nothing is lost, whoever else writes and whatever dies,
//! on each of the places where it can live; and what is said when it cannot be had.

mod conflicts;
mod counts;
mod crashes;
mod entries;
mod files;
mod large;
mod moments;
mod outages;
mod protocol;
mod servers;
mod shared;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{RedisServer, RunningApp, TestSite, repository};

/// Where a store lives, and what of it has to live as long.
enum Place {
    Memory,
    File(tempfile::TempDir),
    Redis(RedisServer),
}

impl Place {
    fn file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    /// Every one that this machine has, new and empty.
    fn all() -> Vec<Self> {
        let redis = RedisServer::start().map(Self::Redis);
        [Self::Memory, Self::file()]
            .into_iter()
            .chain(redis)
            .collect()
    }

    /// The value of `--kv`.
    fn location(&self) -> String {
        match self {
            Self::Memory => "memory".to_owned(),
            Self::File(folder) => folder.path().join("data.kv").display().to_string(),
            Self::Redis(server) => server.location(),
        }
    }
}

/// The site is tested on each of the places.
fn everywhere(site: &TestSite, test: impl Fn(&RunningApp)) {
    let app = site.bundle();
    for place in Place::all() {
        let location = place.location();
        test(&app.start(&["--kv", &location, "--worker-time", "60s"]));
    }
}

/// Raises a flag when it is dropped, so that nobody goes on for ever where a test fails.
struct Over<'f>(&'f AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The TOML file of a worker with that namespace.
fn namespace(name: &str) -> String {
    format!("[data.kv]\nnamespace = \"{name}\"\n")
}

/// A script whose handler has this body. `query` is what stands behind the `?`.
fn script(body: &str) -> String {
    format!(
        "export default {{ async fetch(request, env) {{
            const query = new URL(request.url).search.slice(1);
            {body}
        }} }};\n"
    )
}

/// A guest of `tests/guests/components`, which was built from Rust.
fn compiled(name: &str) -> Vec<u8> {
    let path = repository(&format!("tests/guests/components/{name}.wasm"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl TestSite {
    /// Adds a worker and its TOML file.
    fn with_toml(self, file: &str, contents: impl AsRef<[u8]>, toml: &str) -> Self {
        let (name, _) = file.rsplit_once('.').unwrap();
        self.file(&format!("{name}.toml"), toml)
            .file(file, contents)
    }

    /// Adds a script with a store, whose handler has this body.
    fn storing(self, name: &str, of_namespace: &str, body: &str) -> Self {
        self.with_toml(
            &format!("{name}.js"),
            script(body),
            &namespace(of_namespace),
        )
    }
}
