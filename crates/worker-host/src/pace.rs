//! How guests share the processor with the server.
//!
//! A guest starts on the thread that took the request, where a short one ends without a switch.
//! One that has not ended at the next tick of the epoch gives way and goes on on the [`BusyThreads`],
//! which have a low priority: static files and short calls never wait behind it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
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
        match self.start(future).await {
            Started::Ended(output) => output,
            Started::Running(running) => running.await,
        }
    }

    /// Runs the first slice of `future` here, and leaves the rest to the busy threads.
    pub(crate) async fn start<F>(&self, future: F) -> Started<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let mut future = Box::pin(future);
        if let Poll::Ready(output) = poll_once(future.as_mut()).await {
            return Started::Ended(output);
        }
        Started::Running(self.spawn(future))
    }

    /// Runs all of `future` on the busy threads, or here if the system has none to give.
    pub(crate) fn spawn<F>(&self, future: F) -> Running<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Running(Some(match self.runtime.get_or_init(start_busy_threads) {
            Some(runtime) => runtime.spawn(future),
            None => tokio::spawn(future),
        }))
    }
}

/// What has become of a future after its first slice.
pub(crate) enum Started<T> {
    Ended(T),
    Running(Running<T>),
}

/// A future on the busy threads. Dropping this drops it.
pub(crate) struct Running<T>(Option<JoinHandle<T>>);

impl<T> Running<T> {
    /// It runs to its end, whoever waits for it.
    #[cfg(feature = "components")]
    pub(crate) fn detach(mut self) {
        self.0 = None;
    }
}

impl<T> Future for Running<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(task) = &mut self.0 else {
            return Poll::Pending;
        };
        match std::task::ready!(Pin::new(task).poll(context)) {
            Ok(output) => {
                self.0 = None;
                Poll::Ready(output)
            }
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only a runtime that is shutting down cancels it, and then nobody waits.
                Err(_) => Poll::Pending,
            },
        }
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
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
        // A guest that waits for another server waits here as well.
        .enable_all()
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
