//! One request, one instance, one answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use limits::{ByteSize, TimeSpan, WorkerLimits};
use tokio::sync::{AcquireError, OwnedSemaphorePermit};
use wasmtime::{ResourceLimiter, Store};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{I32Exit, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::protocol::{BadResponse, WorkerRequest, WorkerResponse, encode_request, parse_response};
use crate::stdio::{Answer, Log};
use crate::worker::{Loaded, Program, Worker};

/// What a guest can have the host allocate in one call, and hold open.
const HOSTCALL_BYTES: usize = 64 << 20;
const RANDOM_BYTES_MAX: u64 = 16 << 20;
const OPEN_RESOURCES_MAX: usize = 4096;

/// Room for what stands around the body in the JSON of an answer. Beside it twice the limit of the
/// body is allowed, for base64 and escapes; the body itself is measured once it is decoded.
const ENVELOPE_BYTES: u64 = 64 << 10;

/// Why a call gave no answer. What the guest answered itself is none of these.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// As many run and wait as may.
    #[error(
        "{running} requests run and {waiting} wait, as many as its limits `concurrency` and \
         `queue` allow"
    )]
    Busy {
        /// The limit of those that run.
        running: u32,
        /// The limit of those that wait.
        waiting: u32,
    },
    /// It waited, or ran, for too long.
    #[error("it took longer than its limit `time` of {limit}")]
    Timeout {
        /// Its limit.
        limit: TimeSpan,
        /// Whether it never got to run.
        waiting: bool,
    },
    /// It asked for more memory than it may have, and then failed.
    #[error("it asked for {asked} of memory; its limit `memory` is {limit}")]
    OutOfMemory {
        /// Its limit.
        limit: ByteSize,
        /// What it wanted.
        asked: ByteSize,
    },
    /// It wrote more than it may.
    #[error("its response is longer than its limit `response_body` of {limit}")]
    ResponseTooLarge {
        /// Its limit.
        limit: ByteSize,
    },
    /// It ended with another exit code than 0.
    #[error("it ended with exit code {code}")]
    Exit {
        /// The code.
        code: i32,
    },
    /// It crashed.
    #[error("it trapped: {message}")]
    Trap {
        /// What wasmtime says.
        message: String,
    },
    /// What it wrote is no answer.
    #[error(transparent)]
    BadResponse(#[from] BadResponse),
}

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

/// Counts the memory of an instance, all memories and tables together.
struct MemoryMeter {
    limit: usize,
    used: usize,
    refused: Option<usize>,
    table_elements_max: usize,
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.used.saturating_add(desired.saturating_sub(current));
        if total > self.limit {
            // The guest is told that there is no more, and may well cope with it.
            self.refused = Some(total);
            return Ok(false);
        }
        self.used = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= self.table_elements_max)
    }
}

impl Worker {
    /// Runs the worker once and returns its answer.
    ///
    /// Waits for a free place, as long as its limit of time allows. The guest is stopped after that
    /// time or when this future is dropped; the worker stays usable in any case. Costs one
    /// instantiation.
    ///
    /// # Errors
    ///
    /// [`CallError`]. The guest's own 4xx and 5xx are answers, not errors.
    pub async fn call(&self, request: WorkerRequest) -> Result<WorkerResponse, CallError> {
        let time = self.0.settings.limits.time;
        let begin = Instant::now();
        let permits = self.admit(time).await?;
        let held = (permits, self.0.host.ticker.start());
        let left = time.0.saturating_sub(begin.elapsed());
        let worker = self.clone();
        let run = async move {
            // Given back when the instance is gone, also where nobody waits for its answer any
            // more: dropping this call only asks for the end of a guest that runs elsewhere.
            let _held = held;
            run_within(left, worker, request).await
        };
        match self.0.host.busy.run(run).await {
            Some(result) => result,
            None => Err(CallError::Timeout {
                limit: time,
                waiting: false,
            }),
        }
    }

    /// A place among this worker's requests, and one in the pool.
    async fn admit(&self, time: TimeSpan) -> Result<Permits, CallError> {
        let Loaded {
            permits,
            host,
            waiting,
            settings,
            ..
        } = &*self.0;
        if let Ok(own) = Arc::clone(permits).try_acquire_owned()
            && let Ok(place) = Arc::clone(&host.places).try_acquire_owned()
        {
            return Ok((own, place));
        }
        let queue = settings.limits.queue;
        let busy = CallError::Busy {
            running: settings.concurrency,
            waiting: queue,
        };
        let turn = Waiting::count_in(waiting);
        if turn.number > queue {
            return Err(busy);
        }
        let both = async {
            let own = Arc::clone(permits).acquire_owned().await?;
            Ok((own, Arc::clone(&host.places).acquire_owned().await?))
        };
        match tokio::time::timeout(time.0, both).await {
            Ok(Ok(both)) => Ok(both),
            // The semaphores are never closed.
            Ok(Err::<_, AcquireError>(_)) => Err(busy),
            Err(_) => Err(CallError::Timeout {
                limit: time,
                waiting: true,
            }),
        }
    }
}

/// A place among a worker's requests, and one in the pool.
type Permits = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// One request in the queue.
struct Waiting<'w> {
    count: &'w AtomicU32,
    number: u32,
}

impl<'w> Waiting<'w> {
    fn count_in(count: &'w AtomicU32) -> Self {
        let number = count.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        Self { count, number }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `None` if the time is over first.
async fn run_within(
    left: Duration,
    worker: Worker,
    request: WorkerRequest,
) -> Option<Result<WorkerResponse, CallError>> {
    // The timer is first polled, and so registered, when the guest's first slice did not end it.
    tokio::time::timeout(left, run(worker, request)).await.ok()
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
        memory: MemoryMeter {
            limit: limits.memory.as_usize(),
            used: 0,
            refused: None,
            table_elements_max: host.table_elements_max,
        },
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
    if response.body.len() > limits.response_body.as_usize() {
        return Err(too_large);
    }
    Ok(response)
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
    if let Some(asked) = memory.refused {
        return CallError::OutOfMemory {
            limit: limits.memory,
            asked: ByteSize(asked as u64),
        };
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return CallError::Exit { code: exit.0 };
    }
    CallError::Trap {
        message: one_line(&format!("{error:#}")),
    }
}

fn one_line(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}
