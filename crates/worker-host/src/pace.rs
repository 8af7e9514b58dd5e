//! How guests share the processor with the server.
//!
//! A guest starts on the thread that took the request, where a short one ends without a switch.
//! One that has not ended at the next tick of the epoch gives way and goes on on the [`BusyThreads`],
//! which have a low priority: static files and short calls never wait behind it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::task::JoinHandle;
use wasmtime::{Engine, EngineWeak};

/// After how long a guest gives way.
const TICK: Duration = Duration::from_millis(2);

/// Ticks without a call before the ticker goes to sleep.
const IDLE_TICKS: u32 = 50;

/// How much the busy threads yield to all others (see nice(2)).
const BUSY_NICENESS: i32 = 10;

/// Moves the engine's epoch on while calls are running, and sleeps while none is.
pub(crate) struct Ticker {
    state: Arc<TickerState>,
    thread: OnceLock<Option<Thread>>,
    engine: EngineWeak,
}

#[derive(Debug, Default)]
struct TickerState {
    running: AtomicUsize,
    asleep: AtomicBool,
}

/// While one of these lives the epoch moves on.
#[derive(Debug)]
pub(crate) struct Ticking(Arc<TickerState>);

impl Ticker {
    pub(crate) fn new(engine: &Engine) -> Self {
        Self {
            state: Arc::default(),
            thread: OnceLock::new(),
            engine: engine.weak(),
        }
    }

    /// Counts a call in. The thread is started by the first one.
    pub(crate) fn start(&self) -> Ticking {
        self.state.running.fetch_add(1, Ordering::SeqCst);
        let thread = self.thread.get_or_init(|| self.spawn());
        if self.state.asleep.swap(false, Ordering::SeqCst)
            && let Some(thread) = thread
        {
            thread.unpark();
        }
        Ticking(Arc::clone(&self.state))
    }

    fn spawn(&self) -> Option<Thread> {
        let (state, engine) = (Arc::clone(&self.state), self.engine.clone());
        let spawned = thread::Builder::new()
            .name("epoch".to_owned())
            .spawn(move || tick(&state, &engine));
        spawned.ok().map(|handle| handle.thread().clone())
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Runs until the engine is gone.
fn tick(state: &TickerState, engine: &EngineWeak) {
    let mut idle_ticks = 0;
    loop {
        thread::sleep(TICK);
        let Some(engine) = engine.upgrade() else {
            return;
        };
        engine.increment_epoch();
        idle_ticks = if state.running.load(Ordering::SeqCst) > 0 {
            0
        } else {
            idle_ticks + 1
        };
        if idle_ticks >= IDLE_TICKS {
            idle_ticks = 0;
            state.asleep.store(true, Ordering::SeqCst);
            // A call that came in between has seen `asleep` or is seen here.
            while state.asleep.load(Ordering::SeqCst) && state.running.load(Ordering::SeqCst) == 0 {
                thread::park();
            }
            state.asleep.store(false, Ordering::SeqCst);
        }
    }
}

/// Threads of low priority for calls that take long; started when the first one does.
#[derive(Debug, Default)]
pub(crate) struct BusyThreads {
    runtime: OnceLock<Option<tokio::runtime::Runtime>>,
}

impl BusyThreads {
    /// Runs `future` here for its first slice and then, if it has not ended, on the busy threads.
    /// Dropping this future drops the other one.
    pub(crate) async fn run<F>(&self, future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let mut future = Box::pin(future);
        if let Poll::Ready(output) = poll_once(future.as_mut()).await {
            return output;
        }
        let Some(runtime) = self.runtime.get_or_init(start_busy_threads) else {
            return future.await;
        };
        let mut task = AbortOnDrop(runtime.spawn(future));
        match (&mut task.0).await {
            Ok(output) => output,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only a runtime that is shutting down cancels it, and then nobody waits.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

impl Drop for BusyThreads {
    fn drop(&mut self) {
        // A runtime must not block when it is dropped from within another one.
        if let Some(Some(runtime)) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn start_busy_threads() -> Option<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("busy-worker")
        .enable_time()
        .on_thread_start(|| {
            // Without the right to change it the threads keep the usual priority.
            let _ = rustix::process::nice(BUSY_NICENESS);
        })
        .build()
        .ok()
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
