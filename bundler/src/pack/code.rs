//! The native code of a bundle: the engine of scripts, and all workers.

use std::io::{self, Seek, Write};

use bundle_format::meta::{
    CodeRecord, CodeStorage, KvRecord, PoolNeeds, ScriptEngineRecord, VarSource, WorkerKind,
    WorkerRecord,
};
use bundle_format::{ContentHash, PAGE};
use site_config::VarValue;
use worker_host::compile::Compiled;

use super::{Ingredients, PackError, Packed, Writer};
use crate::encode::Level;
use crate::survey::{Program, WorkerFile};

/// Native code from this size on is stored raw unless all is to be compressed: decoding it would
/// take longer than everything else that an app does before its first answer.
const CODE_BYTES_COMPRESSED_MAX: usize = 1 << 20;

/// How native code is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeOptions {
    /// All compressed.
    Compress,
    /// What is large is raw.
    CompressSmall,
    /// All raw.
    Raw,
}

/// Writes the engine of scripts, if there are any, and the image that theirs refer to.
pub(super) fn pack_script_engine<W: Write + Seek>(
    writer: &mut Writer<W>,
    ingredients: &Ingredients<'_>,
    packed: &mut Packed,
) -> Result<Option<ScriptEngineRecord>, PackError> {
    let Some(engine) = &ingredients.compiled.script_engine else {
        return Ok(None);
    };
    let code = write_code(writer, &engine.code, ingredients)?;
    // The base is needed before anything else of a script, so it lies as the engine does.
    let base = match code.storage {
        CodeStorage::Raw => {
            write_stored(writer, &engine.base.code, &engine.base, CodeStorage::Raw)?
        }
        _ => write_code(writer, &engine.base, ingredients)?,
    };
    for record in [code, base] {
        packed.code_bytes += record.code_bytes;
        packed.stored_code_bytes += record.stored_bytes;
    }
    Ok(Some(ScriptEngineRecord { code, base }))
}

/// Writes the native code of all workers; gives their records in the order of the plan.
pub(super) fn pack_workers<W: Write + Seek>(
    writer: &mut Writer<W>,
    ingredients: &Ingredients<'_>,
    packed: &mut Packed,
) -> Result<Vec<WorkerRecord>, PackError> {
    let mut records = Vec::with_capacity(ingredients.plan.workers.len());
    for planned in &ingredients.plan.workers {
        let compiled = &ingredients.compiled.workers[planned.source];
        let worker = &ingredients.survey.workers[planned.source];
        let code = match (&worker.program, &ingredients.compiled.script_engine) {
            // Raw, each would be as large as all of the others are compressed.
            (Program::Script(_), Some(engine)) => {
                let level = ingredients.encode.level.code();
                let stored = compress_after(&engine.base.code, &compiled.code, level)?;
                write_stored(writer, &stored, compiled, CodeStorage::ZstdAfterBase)?
            }
            _ => write_code(writer, compiled, ingredients)?,
        };
        packed.code_bytes += code.code_bytes;
        packed.stored_code_bytes += code.stored_bytes;
        records.push(worker_record(worker, planned.route.clone(), compiled, code));
    }
    Ok(records)
}

fn write_code<W: Write + Seek>(
    writer: &mut Writer<W>,
    compiled: &Compiled,
    ingredients: &Ingredients<'_>,
) -> Result<CodeRecord, PackError> {
    let level: Level = ingredients.encode.level;
    let is_raw = match ingredients.code {
        CodeOptions::Compress => false,
        CodeOptions::CompressSmall => compiled.code.len() >= CODE_BYTES_COMPRESSED_MAX,
        CodeOptions::Raw => true,
    };
    match is_raw {
        true => write_stored(writer, &compiled.code, compiled, CodeStorage::Raw),
        false => {
            let stored = zstd::bulk::compress(&compiled.code, level.code())?;
            write_stored(writer, &stored, compiled, CodeStorage::Zstd)
        }
    }
}

fn write_stored<W: Write + Seek>(
    writer: &mut Writer<W>,
    stored: &[u8],
    compiled: &Compiled,
    storage: CodeStorage,
) -> Result<CodeRecord, PackError> {
    if storage == CodeStorage::Raw {
        writer.align(PAGE)?;
    }
    let record = CodeRecord {
        offset: writer.position,
        stored_bytes: stored.len() as u64,
        code_bytes: compiled.code.len() as u64,
        hash: ContentHash::of(stored),
        storage,
    };
    writer.write(stored)?;
    if storage == CodeStorage::Raw {
        // What is made executable must not share its last page.
        writer.align(PAGE)?;
    }
    Ok(record)
}

/// A zstd frame of `bytes` that refers to `base` as what came before.
fn compress_after(base: &[u8], bytes: &[u8], level: i32) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(Vec::new(), level, base)?;
    encoder.window_log(window_log(base.len() + bytes.len()))?;
    encoder.long_distance_matching(true)?;
    encoder.include_checksum(false)?;
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The base has to be within reach of the last byte.
fn window_log(bytes: usize) -> u32 {
    bytes.next_power_of_two().ilog2().clamp(20, 27)
}

fn worker_record(
    worker: &WorkerFile,
    route: bundle_format::RoutePattern,
    compiled: &Compiled,
    code: CodeRecord,
) -> WorkerRecord {
    let vars = worker.config.vars.iter().map(|(name, value)| {
        let source = match value.clone() {
            VarValue::Literal(value) => VarSource::Literal(value),
            VarValue::Environment { variable, required } => {
                VarSource::Environment { variable, required }
            }
        };
        (name.clone(), source)
    });
    let needs = compiled.needs;
    WorkerRecord {
        source: worker.file.name.clone(),
        name: worker.config.name.clone(),
        version: worker.config.version.clone(),
        route,
        kind: match worker.program {
            Program::Wasm(_, kind) => wasm_kind(kind),
            Program::Script(_) => WorkerKind::Script,
        },
        reuse: worker.config.reuse.map_or(1, |reuse| reuse.value),
        vars: vars.collect(),
        limits: worker.config.limits,
        outbound: worker.config.outbound.clone(),
        kv: worker.config.kv.clone().map(|kv| KvRecord {
            namespace: kv.namespace,
            retry: kv.retry,
        }),
        needs: PoolNeeds {
            memories: needs.memories,
            memory_bytes_initial: needs.memory_bytes_initial,
            tables: needs.tables,
            table_elements_initial: needs.table_elements_initial,
            core_instances: needs.core_instances,
        },
        code,
    }
}

fn wasm_kind(kind: worker_host::WorkerKind) -> WorkerKind {
    match kind {
        worker_host::WorkerKind::CoreCommand => WorkerKind::CoreCommand,
        worker_host::WorkerKind::ComponentCommand => WorkerKind::ComponentCommand,
        worker_host::WorkerKind::HttpProxy => WorkerKind::HttpProxy,
        worker_host::WorkerKind::HttpService => WorkerKind::HttpService,
    }
}
