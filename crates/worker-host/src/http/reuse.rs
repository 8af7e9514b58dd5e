//! Instances of a 0.3 component that answer several requests, as its author asked for.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
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

use super::body::{Guest, RequestBody};
use super::call::{Progress, finish, into_http, service_head};
use crate::call::{CallError, one_line};
use crate::pace::Ticking;
use crate::protocol::{WorkerRequest, WorkerResponse};
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

/// Ends an instance.
struct Expiration {
    time: Duration,
    timer: Pin<Box<Sleep>>,
}

/// What one instance holds, and how much it may do.
struct Lane {
    worker: Worker,
    _held: (OwnedSemaphorePermit, Ticking),
}

/// What a request brings along.
struct Waiting {
    deadline: tokio::time::Instant,
    /// Ready when nobody waits any more.
    gone: oneshot::Receiver<Infallible>,
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
        let waiting = Waiting { deadline, gone };
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
        let progress = Arc::<Progress>::default();
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
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: State::http,
            expiration: Expiration {
                time,
                timer: Box::pin(sleep_until(tokio::time::Instant::now() + time)),
            },
            state: Lane {
                worker,
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
            WorkerStatus::Requests | WorkerStatus::PostReturn => self.time,
        };
        let due = tokio::time::Instant::from_std(since + left);
        if self.timer.deadline() != due {
            self.timer.as_mut().reset(due);
        }
        self.timer.as_mut().poll(context)
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
        Box::pin(async move {
            tokio::select! {
                _ = waiting.gone => {}
                () = sleep_until(waiting.deadline) => {}
            }
        })
    }

    fn drop(&self, store: Store<State>, result: wasmtime::Result<()>) {
        if let Err(error) = result {
            let why = store.data().explain(&error);
            let line = format!("an instance that was reused ended: {why}");
            (self.worker.0.settings.log)(LogLevel::Error, &line);
        }
    }
}
