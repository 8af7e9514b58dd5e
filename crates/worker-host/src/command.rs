//! Programs of the wws protocol: a request on standard input, an answer on standard output.

use limits::{ByteSize, WorkerLimits};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{I32Exit, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::call::{CallError, one_line};
use crate::meter::MemoryMeter;
use crate::protocol::{WorkerRequest, WorkerResponse, encode_request, parse_response};
use crate::stdio::{Answer, Log};
use crate::worker::{Loaded, Program, Worker};

/// What a guest can have the host allocate in one call, and hold open.
const HOSTCALL_BYTES: usize = 64 << 20;
const RANDOM_BYTES_MAX: u64 = 16 << 20;
const OPEN_RESOURCES_MAX: usize = 4096;

/// Room for what stands around the body in the JSON of an answer. Beside it twice the limit of the
/// body is allowed, for base64 and escapes; the body itself is measured once it is decoded.
const ENVELOPE_BYTES: u64 = 64 << 10;

/// What one instance has of the host.
pub(crate) struct State {
    pub(crate) wasi: WasiP1Ctx,
    memory: MemoryMeter,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiView::ctx(&mut self.wasi)
    }
}

/// Runs a program once, until the deadline at the longest.
pub(crate) async fn answer(
    worker: &Worker,
    request: WorkerRequest,
    deadline: Instant,
    permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
) -> Result<WorkerResponse, CallError> {
    let host = &worker.0.host;
    let held = (permits, host.ticker.start());
    let this = worker.clone();
    let run = async move {
        // Given back when the instance is gone, also where nobody waits for its answer any more:
        // dropping this call only asks for the end of a guest that runs elsewhere.
        let _held = held;
        // The timer is first polled, and so registered, when the guest's first slice did not end
        // it.
        tokio::time::timeout_at(deadline, run(this, request))
            .await
            .ok()
    };
    match host.busy.run(run).await {
        Some(result) => result,
        None => Err(CallError::Timeout {
            limit: worker.0.settings.limits.time,
            waiting: false,
        }),
    }
}

async fn run(worker: Worker, request: WorkerRequest) -> Result<WorkerResponse, CallError> {
    let Loaded {
        settings,
        host,
        program,
        ..
    } = &*worker.0;
    let limits = &settings.limits;
    let answer = Answer::new(answer_bytes_max(limits));
    let log = Log::new(settings.log.clone());
    let mut wasi = WasiCtxBuilder::new();
    wasi.stdin(MemoryInputPipe::new(encode_request(&request)))
        .stdout(answer.clone())
        .stderr(log.clone())
        .envs(&settings.vars)
        .max_random_size(RANDOM_BYTES_MAX);
    drop(request);
    let state = State {
        wasi: wasi.build_p1(),
        memory: MemoryMeter::new(limits.memory, host.table_elements_max),
    };
    let mut store = Store::new(host.engine(), state);
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(HOSTCALL_BYTES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    WasiView::ctx(store.data_mut())
        .table
        .set_max_capacity(OPEN_RESOURCES_MAX);

    let ended = {
        // A guest that is stopped has its last words logged too.
        let _finish = FinishOnDrop(&log);
        execute(program, &mut store).await
    };
    if let Err(error) = ended {
        return Err(explain(&error, limits, &store.data().memory, &answer));
    }
    let too_large = CallError::ResponseTooLarge {
        limit: limits.response_body,
    };
    let Some(output) = answer.take() else {
        return Err(too_large);
    };
    let response = parse_response(&output)?;
    match response.body.whole() {
        Some(body) if body.len() > limits.response_body.as_usize() => Err(too_large),
        _ => Ok(response),
    }
}

struct FinishOnDrop<'l>(&'l Log);

impl Drop for FinishOnDrop<'_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// What the JSON of an answer may take, so that a body at its limit fits.
fn answer_bytes_max(limits: &WorkerLimits) -> usize {
    let body = limits.response_body.0;
    ByteSize(body.saturating_mul(2).saturating_add(ENVELOPE_BYTES)).as_usize()
}

/// Instantiates and runs a program to its end; an exit with code 0 is one.
async fn execute(program: &Program, store: &mut Store<State>) -> wasmtime::Result<()> {
    let result = match program {
        Program::Core(linked) => {
            let instance = linked.instantiate_async(&mut *store).await?;
            let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
            start.call_async(&mut *store, ()).await
        }
        Program::Script(_) => return Ok(()),
        Program::Component(linked) => {
            let command = linked.instantiate_async(&mut *store).await?;
            match command.wasi_cli_run().call_run(&mut *store).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(())) => Err(I32Exit(1).into()),
                Err(error) => Err(error),
            }
        }
    };
    match result {
        Err(error)
            if error
                .downcast_ref::<I32Exit>()
                .is_some_and(|exit| exit.0 == 0) =>
        {
            Ok(())
        }
        other => other,
    }
}

/// The limit that made a guest fail, or else how it failed.
fn explain(
    error: &wasmtime::Error,
    limits: &WorkerLimits,
    memory: &MemoryMeter,
    answer: &Answer,
) -> CallError {
    if answer.overflowed() {
        return CallError::ResponseTooLarge {
            limit: limits.response_body,
        };
    }
    if let Some(asked) = memory.refused() {
        return CallError::OutOfMemory {
            limit: limits.memory,
            asked,
        };
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return CallError::Exit { code: exit.0 };
    }
    CallError::Trap {
        message: one_line(&format!("{error:#}")),
    }
}
