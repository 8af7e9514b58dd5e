//! What the engine imports: the functions of `script-abi`, and the one of WASI that Rust's
//! standard library in it is linked to.

use bytes::Bytes;
use script_abi::{Failure, IMPORT_MODULE, Level, Operation, decode};
use wasmtime::{Caller, Engine, Linker, Memory, bail, format_err};

use super::cache;
use super::state::{ScriptState, parse_script_answer};
use crate::stdio::LogLevel;

const WASI: &str = "wasi_snapshot_preview1";

type Host<'a> = Caller<'a, ScriptState>;

/// All that the engine can import, but for its memory.
pub(crate) fn engine_linker(engine: &Engine) -> wasmtime::Result<Linker<ScriptState>> {
    let mut linker = Linker::new(engine);
    add_requests(&mut linker)?;
    add_answers(&mut linker)?;
    add_operations(&mut linker)?;
    add_surroundings(&mut linker)?;
    add_wasi(&mut linker)?;
    Ok(linker)
}

fn add_requests(linker: &mut Linker<ScriptState>) -> wasmtime::Result<()> {
    linker.func_wrap(IMPORT_MODULE, "input", |mut host: Host<'_>, to: u32| {
        let input = std::mem::take(&mut host.data_mut().input);
        write(&mut host, to, &input)
    })?;
    linker.func_wrap(
        IMPORT_MODULE,
        "body",
        |mut host: Host<'_>, id: u32, to: u32| {
            let body = host
                .data_mut()
                .request(id)
                .map(|request| request.body.clone());
            write(&mut host, to, &body.unwrap_or_default())
        },
    )?;
    linker.func_wrap(
        IMPORT_MODULE,
        "variable",
        |mut host: Host<'_>, index: u32, to: u32, room: u32| -> wasmtime::Result<u32> {
            let value = host
                .data()
                .variables
                .get(index as usize)
                .cloned()
                .unwrap_or_default();
            let length = u32::try_from(value.len())?;
            if length <= room {
                write(&mut host, to, value.as_bytes())?;
            }
            Ok(length)
        },
    )?;
    Ok(())
}

fn add_answers(linker: &mut Linker<ScriptState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        IMPORT_MODULE,
        "respond",
        |mut host: Host<'_>,
         id: u32,
         head: u32,
         head_length: u32,
         at: u32,
         length: u32,
         bits: u32| {
            let body = bytes(&mut host, at, length)?;
            let head = parse_script_answer(read(&mut host, head, head_length)?.0);
            host.data_mut().respond(id, head, body, bits);
            wasmtime::Result::Ok(())
        },
    )?;
    linker.func_wrap(
        IMPORT_MODULE,
        "chunk",
        |mut host: Host<'_>, id: u32, at: u32, length: u32| -> wasmtime::Result<u32> {
            let piece = bytes(&mut host, at, length)?;
            Ok(host.data_mut().chunk(id, piece).into())
        },
    )?;
    linker.func_wrap(IMPORT_MODULE, "end", |mut host: Host<'_>, id: u32| {
        host.data_mut().end(id);
    })?;
    linker.func_wrap(
        IMPORT_MODULE,
        "abort",
        |mut host: Host<'_>, id: u32, at: u32, length: u32| {
            let reason = text(&mut host, at, length)?;
            host.data_mut().abort(id, &reason);
            wasmtime::Result::Ok(())
        },
    )?;
    linker.func_wrap(IMPORT_MODULE, "done", |mut host: Host<'_>, id: u32| {
        if let Some(request) = host.data_mut().request(id) {
            request.is_done = true;
        }
    })?;
    linker.func_wrap(
        IMPORT_MODULE,
        "fail",
        |mut host: Host<'_>, id: u32, kind: u32, at: u32, length: u32| {
            let reason = text(&mut host, at, length)?;
            let failure = Failure::from_number(kind).unwrap_or(Failure::Exception);
            host.data_mut().fail(id, failure, reason);
            wasmtime::Result::Ok(())
        },
    )?;
    linker.func_wrap(
        IMPORT_MODULE,
        "refuse",
        |mut host: Host<'_>, at: u32, length: u32| {
            let refusal = read(&mut host, at, length)?.0.to_vec();
            host.data_mut().refusal = Some(refusal);
            wasmtime::Result::Ok(())
        },
    )?;
    Ok(())
}

fn add_operations(linker: &mut Linker<ScriptState>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        IMPORT_MODULE,
        "operate",
        |mut host: Host<'_>, (id, at, length): (u32, u32, u32)| {
            Box::new(async move {
                let message = bytes(&mut host, at, length)?;
                operate(host.data_mut(), id, &message).await
            })
        },
    )?;
    Ok(())
}

/// Begins an operation, or does it, where a script waits for it without a promise.
async fn operate(state: &mut ScriptState, id: u32, message: &Bytes) -> wasmtime::Result<u32> {
    let operation = decode(message)?;
    if let Operation::Cache(operation) = operation {
        state.input = cache::perform(state, operation).await;
        return Ok(u32::try_from(state.input.len())?);
    }
    let Some(worker) = state.worker.clone() else {
        bail!("the engine has begun an operation before there was a request");
    };
    let owner = state.request(id).map_or(0, |request| request.id);
    let settings = &worker.0.settings;
    state.operations.begin(owner, &operation, message, settings)
}

fn add_surroundings(linker: &mut Linker<ScriptState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        IMPORT_MODULE,
        "log",
        |mut host: Host<'_>, level: u32, at: u32, length: u32| {
            let line = text(&mut host, at, length)?;
            host.data().log.say(log_level(level), &line);
            wasmtime::Result::Ok(())
        },
    )?;
    linker.func_wrap(IMPORT_MODULE, "now", |host: Host<'_>| {
        host.data().clock.now()
    })?;
    linker.func_wrap(IMPORT_MODULE, "elapsed", |host: Host<'_>| {
        host.data().clock.elapsed()
    })?;
    linker.func_wrap(
        IMPORT_MODULE,
        "random",
        |mut host: Host<'_>, to: u32, length: u32| random(&mut host, to, length),
    )?;
    Ok(())
}

fn log_level(number: u32) -> LogLevel {
    match number {
        level if level == Level::Debug as u32 => LogLevel::Debug,
        level if level == Level::Warn as u32 => LogLevel::Warn,
        level if level == Level::Error as u32 => LogLevel::Error,
        _ => LogLevel::Info,
    }
}

/// Rust's standard library in the engine is linked to this.
fn add_wasi(linker: &mut Linker<ScriptState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        WASI,
        "random_get",
        |mut host: Host<'_>, to: u32, length: u32| random(&mut host, to, length).map(|()| 0_i32),
    )?;
    Ok(())
}

/// Random bytes; zeros while a script is evaluated, so that the same script gives the same image.
fn random(host: &mut Host<'_>, to: u32, length: u32) -> wasmtime::Result<()> {
    let is_frozen = host.data().clock.is_frozen();
    let memory = memory(host)?;
    let bytes = range(to, length).and_then(|range| memory.data_mut(&mut *host).get_mut(range));
    let Some(bytes) = bytes else {
        bail!("the engine asked for random bytes outside its memory");
    };
    match is_frozen {
        true => bytes.fill(0),
        false => getrandom::fill(bytes)?,
    }
    Ok(())
}

fn memory(host: &Host<'_>) -> wasmtime::Result<Memory> {
    host.data()
        .memory
        .ok_or_else(|| format_err!("the engine has no memory yet"))
}

fn range(at: u32, length: u32) -> Option<std::ops::Range<usize>> {
    let (at, length) = (usize::try_from(at).ok()?, usize::try_from(length).ok()?);
    Some(at..at.checked_add(length)?)
}

fn read<'h>(
    host: &'h mut Host<'_>,
    at: u32,
    length: u32,
) -> wasmtime::Result<(&'h [u8], &'h mut ScriptState)> {
    let memory = memory(host)?;
    let (data, state) = memory.data_and_store_mut(host);
    let bytes = range(at, length).and_then(|range| data.get(range));
    let bytes = bytes.ok_or_else(|| format_err!("the engine passed a place outside its memory"))?;
    Ok((bytes, state))
}

/// What lies there, without copying more than the limit of a body allows.
fn bytes(host: &mut Host<'_>, at: u32, length: u32) -> wasmtime::Result<Bytes> {
    Ok(Bytes::copy_from_slice(read(host, at, length)?.0))
}

fn text(host: &mut Host<'_>, at: u32, length: u32) -> wasmtime::Result<String> {
    Ok(String::from_utf8_lossy(read(host, at, length)?.0).into_owned())
}

fn write(host: &mut Host<'_>, to: u32, bytes: &[u8]) -> wasmtime::Result<()> {
    let memory = memory(host)?;
    let length = u32::try_from(bytes.len())?;
    let there = range(to, length).and_then(|range| memory.data_mut(&mut *host).get_mut(range));
    match there {
        Some(there) => {
            there.copy_from_slice(bytes);
            Ok(())
        }
        None => bail!("the engine passed a place outside its memory"),
    }
}
