//! The small rest of a bundle: everything whose size does not grow with the number of files.
//!
//! Stored as postcard, hashed whole, read when the bundle is opened. Lists are sorted by whoever
//! makes them; there is no map here, so that the same site always gives the same bytes.

use serde::{Deserialize, Serialize};

use crate::hash::ContentHash;
use crate::route::RoutePattern;
use limits::LimitOverrides;
use outbound_rules::Rules;
use site_rules::{Cors, HtmlMode};

/// What a bundle says of itself, its workers, and the shape of its index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// The version of the `wws` that wrote it.
    pub wws_version: String,
    /// What the native code was made for.
    pub engine: EngineFingerprint,
    /// How the folder was read.
    pub layout: Layout,
    /// Why, in words.
    pub layout_reason: String,
    /// What every path begins with, without a slash at its end; empty for none.
    pub prefix: String,
    /// The `Last-Modified` of every asset, in seconds since 1970, from `SOURCE_DATE_EPOCH`.
    pub modified: Option<u64>,
    /// `Content-Type` values; an index entry names one by its place.
    pub media_types: Vec<String>,
    /// How many folders deep the deepest `404.html` lies (0: at the root); `None`: there is none.
    pub not_found_depth: Option<u32>,
    /// What the site says of its paths, but for the rules themselves.
    pub site: SiteRecord,
    /// How many files became assets.
    pub asset_files: u32,
    /// The shape of the index.
    pub index: IndexShape,
    /// Exact routes first, then the rest in the order in which they are tried.
    pub workers: Vec<WorkerRecord>,
    /// What runs the scripts among the workers, if there are any.
    pub script_engine: Option<ScriptEngineRecord>,
}

/// Why a meta section was not written or not read.
#[derive(Debug, thiserror::Error)]
#[error("the meta section: {0}")]
pub struct MetaError(#[from] postcard::Error);

impl Meta {
    /// The bytes of the meta section.
    pub fn encode(&self) -> Result<Vec<u8>, MetaError> {
        Ok(postcard::to_stdvec(self)?)
    }

    /// Reads a meta section.
    pub fn decode(bytes: &[u8]) -> Result<Self, MetaError> {
        Ok(postcard::from_bytes(bytes)?)
    }
}

/// What native code was compiled by and for; the same values must hold where it is loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineFingerprint {
    /// The exact version of wasmtime.
    pub wasmtime: String,
    /// Counts up whenever a setting that shapes the code changes.
    pub settings: u32,
    /// The machine, as a target triple.
    pub target: String,
    /// The name of the CPU baseline.
    pub cpu: String,
    /// Whether calls can run side by side in one instance, as components of `wasi` 0.3 need it.
    pub concurrency: bool,
}

/// How the folder was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// Every file is an asset, except workers.
    Site,
    /// Workers anywhere, assets only below `public/`.
    Project,
}

/// What a site says of its paths; the rules themselves are read when they are first needed
/// ([`SiteRules`](crate::SiteRules)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteRecord {
    /// How pages got their paths.
    pub html: HtmlMode,
    /// The path of the page that a navigation gets which leads nowhere.
    pub fallback: Option<String>,
    /// The path of the page for whatever leads nowhere, in place of `404.html`.
    pub not_found: Option<String>,
    /// Whether answers have the fields of [`SECURITY_FIELDS`](site_rules::SECURITY_FIELDS).
    pub security_headers: bool,
    /// Which other origins may read answers.
    pub cors: Option<Cors>,
    /// How many redirects there are.
    pub redirects: u32,
    /// How many of them go before what exists.
    pub forced_redirects: u32,
    /// How many rules for header fields there are.
    pub header_rules: u32,
}

/// The number of rows in each table of the index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexShape {
    /// Of the hash table; a power of two, or 0.
    pub slots: u32,
    /// Paths.
    pub entries: u32,
    /// Distinct contents.
    pub contents: u32,
    /// Stored codings of all contents.
    pub variants: u32,
    /// Bytes of all paths together.
    pub path_bytes: u32,
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerRecord {
    /// The file it was made from, relative to the site.
    pub source: String,
    /// `name` of its configuration.
    pub name: Option<String>,
    /// `version` of its configuration.
    pub version: Option<String>,
    /// Which paths it answers.
    pub route: RoutePattern,
    /// What it was compiled from.
    pub kind: WorkerKind,
    /// Its environment, sorted by name.
    pub vars: Vec<(String, VarSource)>,
    /// What its configuration and the site's set; the rest has defaults.
    pub limits: LimitOverrides,
    /// The calls to other servers that it may make.
    pub outbound: Rules,
    /// Its key-value store, if it has one.
    pub kv: Option<KvRecord>,
    /// What one instance of it needs of the pool.
    pub needs: PoolNeeds,
    /// How many requests one instance answers.
    pub reuse: u32,
    /// Its machine code; of a script, the image of its heap.
    pub code: CodeRecord,
}

impl WorkerRecord {
    /// Whether a request is run again when another one has changed what it was given. A call to
    /// another server cannot be taken back, so without its author's leave a worker that may make one
    /// is not.
    pub fn may_retry(&self) -> bool {
        let asked = self.kv.as_ref().and_then(|kv| kv.retry);
        asked.unwrap_or(self.outbound.hosts.is_empty())
    }
}

/// The key-value store of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvRecord {
    /// Workers with the same one share their data.
    pub namespace: String,
    /// Whether a request is run again when another one has changed what it was given. `None`: only
    /// where it may not call other servers.
    pub retry: Option<bool>,
}

/// The JavaScript engine, which all scripts share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptEngineRecord {
    /// Its machine code.
    pub code: CodeRecord,
    /// The image of the engine without a script, after which those of scripts are compressed.
    pub base: CodeRecord,
}

/// What a worker was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkerKind {
    /// A core module with `_start` (WASI preview 1); it speaks the wws protocol.
    CoreCommand,
    /// A component that exports `wasi:cli/run`.
    ComponentCommand,
    /// A component that exports `wasi:http/incoming-handler` 0.2.
    HttpProxy,
    /// A component that exports `wasi:http/handler` 0.3.
    HttpService,
    /// JavaScript or TypeScript.
    Script,
}

/// Where the value of an environment variable comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VarSource {
    /// Written in the configuration.
    Literal(String),
    /// Read from the environment when the app starts.
    Environment {
        /// The name there.
        variable: String,
        /// Whether the app refuses to start without it.
        required: bool,
    },
}

/// What one instance of a worker takes from the pool of instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolNeeds {
    /// Linear memories.
    pub memories: u32,
    /// The largest memory at its start, in bytes.
    pub memory_bytes_initial: u64,
    /// Tables.
    pub tables: u32,
    /// The longest table at its start, in elements.
    pub table_elements_initial: u64,
    /// Core instances (1 for a core module).
    pub core_instances: u32,
}

/// Where machine code lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRecord {
    /// From the first byte of the bundle; page aligned if raw.
    pub offset: u64,
    /// As stored, in bytes.
    pub stored_bytes: u64,
    /// Decoded, in bytes.
    pub code_bytes: u64,
    /// Of the stored bytes.
    pub hash: ContentHash,
    /// How the stored bytes become the decoded ones.
    pub storage: CodeStorage,
}

/// How machine code is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeStorage {
    /// As it is, on pages of its own.
    Raw,
    /// In a zstd frame.
    Zstd,
    /// In a zstd frame that refers to the base of the script engine as what came before it.
    ZstdAfterBase,
}

#[cfg(test)]
mod tests {
    use outbound_rules::HostPattern;
    use proptest::prelude::*;

    use super::*;

    fn code() -> CodeRecord {
        CodeRecord {
            offset: 4096,
            stored_bytes: 10,
            code_bytes: 20,
            hash: ContentHash::of(b"code"),
            storage: CodeStorage::Zstd,
        }
    }

    fn worker(kind: WorkerKind) -> WorkerRecord {
        WorkerRecord {
            source: "api/[id].wasm".to_owned(),
            name: Some("users".to_owned()),
            version: None,
            route: RoutePattern::of_file("/api/[id]").unwrap(),
            kind,
            vars: vec![("A".to_owned(), VarSource::Literal("b".to_owned()))],
            limits: LimitOverrides {
                outbound_calls: Some(3),
                ..LimitOverrides::default()
            },
            outbound: Rules {
                hosts: vec![HostPattern::parse("*.example.com:8443").unwrap()],
                methods: Some(vec!["GET".to_owned()]),
                allow_http: true,
                allow_private: false,
            },
            kv: Some(KvRecord {
                namespace: "counters".to_owned(),
                retry: Some(true),
            }),
            needs: PoolNeeds::default(),
            reuse: 100,
            code: code(),
        }
    }

    fn meta() -> Meta {
        let kinds = [
            WorkerKind::CoreCommand,
            WorkerKind::ComponentCommand,
            WorkerKind::HttpProxy,
            WorkerKind::HttpService,
            WorkerKind::Script,
        ];
        Meta {
            wws_version: "1".to_owned(),
            engine: EngineFingerprint {
                wasmtime: "48".to_owned(),
                settings: 1,
                target: "t".to_owned(),
                cpu: "c".to_owned(),
                concurrency: true,
            },
            layout: Layout::Project,
            layout_reason: "why".to_owned(),
            prefix: String::new(),
            modified: Some(1),
            media_types: vec!["text/html".to_owned()],
            not_found_depth: Some(0),
            site: SiteRecord {
                html: HtmlMode::DropSlash,
                fallback: Some("/".to_owned()),
                cors: Some(Cors::of(site_rules::Origins::Any)),
                redirects: 3,
                ..SiteRecord::default()
            },
            asset_files: 1,
            index: IndexShape::default(),
            workers: kinds.map(worker).to_vec(),
            script_engine: Some(ScriptEngineRecord {
                code: code(),
                base: code(),
            }),
        }
    }

    #[test]
    fn a_meta_section_comes_back_as_it_was_written() {
        let bytes = meta().encode().unwrap();
        assert_eq!(Meta::decode(&bytes).unwrap(), meta());
    }

    #[test]
    fn a_host_that_is_none_makes_the_section_unreadable() {
        let (good, bad) = (b"*.example.com:8443", b"*.example.com/8443");
        let mut bytes = meta().encode().unwrap();
        let at = bytes.windows(good.len()).position(|part| part == good);
        let at = at.unwrap();
        bytes[at..at + bad.len()].copy_from_slice(bad);
        assert!(Meta::decode(&bytes).is_err());
    }

    #[test]
    fn a_flipped_bit_gives_an_error_or_a_value_like_any_other_and_a_cut_an_error() {
        let good = meta().encode().unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            if let Ok(found) = Meta::decode(&bad) {
                let again = Meta::decode(&found.encode().unwrap()).unwrap();
                assert_eq!(again, found, "bit {bit}");
            }
        }
        for length in 0..good.len() {
            assert!(Meta::decode(&good[..length]).is_err(), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = Meta::decode(&bytes);
        }

        #[test]
        fn garbled_bytes_are_read_without_panic(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut bytes = meta().encode().unwrap();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = Meta::decode(&bytes);
        }
    }
}
