//! The small rest of a bundle: everything whose size does not grow with the number of files.
//!
//! Stored as postcard, hashed whole, read when the bundle is opened. Lists are sorted by whoever
//! makes them; there is no map here, so that the same site always gives the same bytes.

use serde::{Deserialize, Serialize};

use crate::hash::ContentHash;
use crate::route::RoutePattern;
use limits::LimitOverrides;

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
}

/// How the folder was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// Every file is an asset, except workers.
    Site,
    /// Workers anywhere, assets only below `public/`.
    Project,
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
    /// What one instance of it needs of the pool.
    pub needs: PoolNeeds,
    /// How many requests one instance answers.
    pub reuse: u32,
    /// Its machine code; of a script, the image of its heap.
    pub code: CodeRecord,
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
