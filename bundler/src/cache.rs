//! Compiled code, kept from one run to the next.
//!
//! One file a worker below `$XDG_CACHE_HOME/wws` (or `~/.cache/wws`), named by a hash of the wasm
//! and of everything that shapes the code. A file begins with a hash of the rest; one that does not
//! fit is compiled again. Without a folder that can be written nothing is kept, and nothing fails.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use worker_host::compile::{Compiled, Needs};
use worker_host::{CodeTarget, Cpu, SETTINGS_VERSION, TARGET, WASMTIME_VERSION, WorkerKind};

const HASH_BYTES: usize = blake3::OUT_LEN;

/// Where compiled code is kept.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    memories: u32,
    memory_bytes_initial: u64,
    tables: u32,
    table_elements_initial: u64,
    core_instances: u32,
}

impl Cache {
    /// The user's cache.
    pub fn of_user() -> Self {
        let absolute = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|p| p.is_absolute())
        };
        let root = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
        Self {
            folder: root.map(|root| root.join("wws")),
        }
    }

    /// What was kept for this wasm.
    pub fn get(&self, key: &str) -> Option<Compiled> {
        let bytes = fs::read(self.folder.as_ref()?.join(key)).ok()?;
        decode(&bytes)
    }

    /// Keeps compiled code; whole or not at all.
    pub fn put(&self, key: &str, compiled: &Compiled) {
        let Some(folder) = &self.folder else { return };
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&encode(compiled))?;
            file.persist(folder.join(key))?;
            Ok(())
        };
        // Compiling again next time is all that is lost.
        let _ = write();
    }
}

/// What a module is compiled as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A worker of some kind.
    Worker(WorkerKind),
    /// The engine that all scripts share.
    ScriptEngine,
}

/// Names compiled code by all that shapes it.
pub fn key(wasm: &[u8], what: What, target: CodeTarget) -> String {
    let mut hasher = blake3::Hasher::new();
    let version = env!("CARGO_PKG_VERSION");
    // Code for the native CPU of another machine that shares the folder would not load there.
    let cpu_features = match target.cpu {
        Cpu::Baseline => String::new(),
        Cpu::Native => native_features(),
    };
    let settings = format!(
        "{version} {WASMTIME_VERSION} {SETTINGS_VERSION} {TARGET} {what:?} {target:?} \
         {cpu_features}\0"
    );
    hasher.update(settings.as_bytes());
    hasher.update(wasm);
    hasher.finalize().to_hex().to_string()
}

fn native_features() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    cpuinfo
        .lines()
        .find(|line| line.starts_with("flags"))
        .unwrap_or_default()
        .to_owned()
}

fn encode(compiled: &Compiled) -> Vec<u8> {
    let Needs {
        memories,
        memory_bytes_initial,
        tables,
        table_elements_initial,
        core_instances,
    } = compiled.needs;
    let header = Header {
        memories,
        memory_bytes_initial,
        tables,
        table_elements_initial,
        core_instances,
    };
    // A struct of numbers: there is nothing that could not be written.
    let mut body = serde_json::to_vec(&header).unwrap_or_default();
    body.push(b'\n');
    body.extend(&compiled.code);
    let mut bytes = blake3::hash(&body).as_bytes().to_vec();
    bytes.extend(body);
    bytes
}

fn decode(bytes: &[u8]) -> Option<Compiled> {
    let (hash, body) = bytes.split_at_checked(HASH_BYTES)?;
    if blake3::hash(body).as_bytes() != hash {
        return None;
    }
    let end = body.iter().position(|byte| *byte == b'\n')?;
    let header: Header = serde_json::from_slice(&body[..end]).ok()?;
    let Header {
        memories,
        memory_bytes_initial,
        tables,
        table_elements_initial,
        core_instances,
    } = header;
    let needs = Needs {
        memories,
        memory_bytes_initial,
        tables,
        table_elements_initial,
        core_instances,
    };
    Some(Compiled {
        code: body[end + 1..].to_vec(),
        needs,
    })
}

#[cfg(test)]
mod tests {
    use worker_host::Concurrency;

    use super::*;

    fn compiled() -> Compiled {
        let needs = Needs {
            memories: 1,
            memory_bytes_initial: 65536,
            ..Needs::default()
        };
        Compiled {
            code: b"\nnative\n".to_vec(),
            needs,
        }
    }

    #[test]
    fn what_was_kept_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache {
            folder: Some(folder.path().join("not yet/there")),
        };
        assert_eq!(cache.get("key"), None);
        cache.put("key", &compiled());
        assert_eq!(cache.get("key"), Some(compiled()));
    }

    #[test]
    fn a_damaged_file_counts_as_none() {
        let good = encode(&compiled());
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bad), None);
        }
        assert_eq!(decode(b""), None);
    }

    #[test]
    fn the_key_tells_modules_kinds_and_targets_apart() {
        let target = |cpu, concurrency| CodeTarget { cpu, concurrency };
        let baseline = target(Cpu::Baseline, Concurrency::Off);
        let core = What::Worker(WorkerKind::CoreCommand);
        let keys = [
            key(b"a", core, baseline),
            key(b"b", core, baseline),
            key(b"a", What::Worker(WorkerKind::ComponentCommand), baseline),
            key(b"a", What::ScriptEngine, baseline),
            key(b"a", core, target(Cpu::Native, Concurrency::Off)),
            key(b"a", core, target(Cpu::Baseline, Concurrency::On)),
        ];
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert_eq!(keys[0], key(b"a", core, baseline));
    }
}
