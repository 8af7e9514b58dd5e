//! Instances of a 0.3 component that answer several requests, as its author asked for.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Sleep, sleep_until};
use wasmtime::component::GuestTaskId;
use wasmtime::{Store, StoreContextMut, bail, format_err};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{
    ExpirationError, HandlerState, Instance, Proxy, ProxyHandler, ShouldAccept, WorkerExpiration,
    WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;

use super::service_head;
use crate::call::{CallError, one_line};
use crate::component::http::body::Guest;
use crate::component::http::call::{finish, into_http};
use crate::component::http::progress::Progress;
use crate::exchange::{RequestBody, WorkerRequest, WorkerResponse};
use crate::pace::Ticking;
use crate::state::{State, Stdio};
use crate::stdio::LogLevel;
use crate::worker::{Loaded, Worker};

/// How long an instance without a request is kept.
const IDLE: Duration = Duration::from_secs(1);

/// The instances of a component that are reused.
pub(crate) struct Reused(ProxyHandler<Instances>);

/// Makes instances.
struct Instances {
    worker: Weak<Loaded>,
    linked: ServicePre<State>,
}

/// How long an instance may work on that has a request which nobody waits for any more, when all
/// others have their answers: the guest cannot be told.
const GIVEN_UP: Duration = Duration::from_millis(50);

/// Ends an instance.
struct Expiration {
    time: Duration,
    timer: Pin<Box<Sleep>>,
    requests: Arc<Requests>,
}

/// The requests of one instance.
#[derive(Default)]
struct Requests {
    /// Of those that somebody waits for, or whose answer is still read.
    open: Mutex<Vec<Weak<Progress>>>,
    /// Whether there was one that nobody waits for any more.
    given_up: AtomicBool,
    /// Whether that is why the instance ends.
    ended: AtomicBool,
}

impl Requests {
    fn begin(&self, progress: Weak<Progress>) {
        let mut open = self.open();
        open.retain(|progress| progress.strong_count() > 0);
        open.push(progress);
    }

    /// Says to all that are open that no more will come.
    fn fail(&self) {
        for progress in self.open().iter().filter_map(Weak::upgrade) {
            progress.fail();
        }
    }

    fn has_open(&self) -> bool {
        self.open()
            .iter()
            .any(|progress| progress.strong_count() > 0)
    }

    fn open(&self) -> MutexGuard<'_, Vec<Weak<Progress>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one instance holds, and how much it may do.
struct Lane {
    worker: Worker,
    requests: Arc<Requests>,
    _held: (OwnedSemaphorePermit, Ticking),
}

/// What a request brings along.
struct Waiting {
    deadline: tokio::time::Instant,
    /// Ready when nobody waits any more.
    gone: oneshot::Receiver<Infallible>,
    progress: Weak<Progress>,
}

impl Reused {
    pub(crate) fn new(worker: Weak<Loaded>, linked: ServicePre<State>) -> Self {
        Self(ProxyHandler::new(Instances { worker, linked }))
    }

    /// Answers a request in an instance that has room for it, or in a new one.
    pub(crate) async fn answer(
        &self,
        worker: &Worker,
        request: WorkerRequest<RequestBody>,
        deadline: tokio::time::Instant,
        turn: OwnedSemaphorePermit,
    ) -> Result<WorkerResponse, CallError> {
        let request = into_http(request)?;
        let (here, gone) = oneshot::channel();
        let handler = self.0.clone();
        let progress = Arc::<Progress>::default();
        let waiting = Waiting {
            deadline,
            gone,
            progress: Arc::downgrade(&progress),
        };
        let handle = async move {
            let _turn = turn;
            handler.handle(waiting, request).await
        };
        // Instances live where their first request was handed over: on the busy threads.
        let handle = worker.0.host.busy.spawn(handle);
        let timeout = CallError::Timeout {
            limit: worker.0.settings.limits.time,
            waiting: false,
        };
        let answer = match tokio::time::timeout_at(deadline, handle).await {
            Ok(answer) => answer,
            Err(_) => return Err(timeout),
        };
        let head = match answer {
            Err(error) if error.is::<ExpirationError>() => return Err(timeout),
            answer => service_head(answer).map_err(|error| CallError::Trap {
                message: one_line(&format!("{error:#}")),
            })?,
        };
        finish(head, Some(Guest::Shared { _here: here }), progress)
    }
}

impl HandlerState for Instances {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Lane;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, Expiration, Lane>> {
        let Some(loaded) = self.worker.upgrade() else {
            bail!("the worker is gone");
        };
        let worker = Worker(loaded);
        let host = &worker.0.host;
        // The semaphore is never closed.
        let place = Arc::clone(&host.places).acquire_owned().await;
        let place = place.map_err(|_| format_err!("the pool is closed"))?;
        let held = (place, host.ticker.start());
        let mut store = State::store(&worker, Stdio::Log);
        let service = self.linked.instantiate_async(&mut store).await?;
        let time = worker.0.settings.limits.time.0;
        let requests = Arc::<Requests>::default();
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: State::http,
            expiration: Expiration {
                time,
                timer: Box::pin(sleep_until(tokio::time::Instant::now() + time)),
                requests: Arc::clone(&requests),
            },
            state: Lane {
                worker,
                requests,
                _held: held,
            },
        })
    }
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        status: WorkerStatus,
        since: Instant,
    ) -> Poll<()> {
        let left = match status {
            WorkerStatus::Idle => IDLE,
            // The guest is busy, or has not noticed yet, that nobody waits.
            WorkerStatus::Requests if !self.requests.has_open() => Duration::ZERO,
            WorkerStatus::PostReturn if self.requests.given_up.load(Ordering::SeqCst) => GIVEN_UP,
            WorkerStatus::Requests | WorkerStatus::PostReturn => self.time,
        };
        let due = tokio::time::Instant::from_std(since + left);
        if self.timer.deadline() != due {
            self.timer.as_mut().reset(due);
        }
        std::task::ready!(self.timer.as_mut().poll(context));
        if status != WorkerStatus::Idle && left < self.time {
            if self.requests.has_open() {
                // Others read their answers to the end.
                let again = tokio::time::Instant::now() + GIVEN_UP;
                self.timer.as_mut().reset(again);
                return self.timer.as_mut().poll(context);
            }
            self.requests.ended.store(true, Ordering::SeqCst);
        }
        Poll::Ready(())
    }
}

impl WorkerState for Lane {
    type StoreData = State;
    type RequestData = Waiting;

    fn should_accept_request(&self, _: usize, total: usize) -> ShouldAccept {
        let reuse = usize::try_from(self.worker.0.settings.reuse).unwrap_or(usize::MAX);
        match total < reuse {
            true => ShouldAccept::Yes,
            false => ShouldAccept::Never,
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, State>,
        waiting: Waiting,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        self.requests.begin(waiting.progress);
        let requests = Arc::clone(&self.requests);
        Box::pin(async move {
            tokio::select! {
                _ = waiting.gone => {}
                () = sleep_until(waiting.deadline) => {}
            }
            requests.given_up.store(true, Ordering::SeqCst);
        })
    }

    fn drop(&self, store: Store<State>, result: wasmtime::Result<()>) {
        if let Err(error) = result {
            // Before the ends of their streams are gone with the store.
            self.requests.fail();
            if self.requests.ended.load(Ordering::SeqCst) {
                return;
            }
            let why = store.data().explain(&error);
            let line = format!("an instance that was reused ended: {why}");
            (self.worker.0.settings.log)(LogLevel::Error, &line);
        }
    }
}
