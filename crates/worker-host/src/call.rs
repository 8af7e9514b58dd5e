//! Calls: a place for each request, and an answer or a reason why there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kv::KvError;
use limits::{ByteSize, TimeSpan};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use crate::command;
use crate::exchange::{BadResponse, RequestBody, WorkerRequest, WorkerResponse, whole_body};
use crate::script::{self, Job, Lanes};
use crate::worker::{Loaded, Program, Worker};

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
    /// It threw an exception that nobody caught.
    #[error("it threw {}", one_line(text))]
    Exception {
        /// The exception and its stack.
        text: String,
    },
    /// A script waits for nothing that could ever happen.
    #[error(
        "it will never answer: it waits for a promise that nothing is left to settle, no timer \
         and no stream"
    )]
    NeverAnswers,
    /// The body of its answer broke off when nothing had been sent yet.
    #[error("the body of its answer broke off at once")]
    BrokenBody,
    /// Another request of the same instance ended it.
    #[error("its instance was ended by another request that it was shared with (`reuse`)")]
    InstanceLost,
    /// It takes requests whole.
    #[error("it takes the body of a request whole, not as a stream")]
    ReadsNoStream,
    /// What it wrote is no answer.
    #[error(transparent)]
    BadResponse(#[from] BadResponse),
    /// Other requests have changed what it was given, each time before it could change that itself.
    #[error(
        "other requests have changed what it had read from the key-value store, and it was not \
         repeated, or not more often than {runs} times; nothing of what it wrote was kept"
    )]
    Conflict {
        /// How often it was run.
        runs: u32,
    },
    /// The key-value store.
    #[error(transparent)]
    Store(#[from] KvError),
}

impl Worker {
    /// Runs the worker once and returns its answer.
    ///
    /// Waits for a free place, as long as its limit of time allows. The guest is stopped after that
    /// time or when this future is dropped; the worker stays usable in any case. Costs one
    /// instantiation, and one more each time that it is run again after a conflict.
    ///
    /// # Errors
    ///
    /// [`CallError`]. The guest's own 4xx and 5xx are answers, not errors.
    pub async fn call(&self, request: WorkerRequest) -> Result<WorkerResponse, CallError> {
        let deadline = self.deadline();
        let own = self.turn(&self.0.permits, deadline).await?;
        match &self.0.program {
            Program::Script(_) => match &self.0.lanes {
                Some(lanes) => self.call_lane(lanes, request, deadline, own).await,
                None => {
                    let permits = (own, self.place(deadline).await?);
                    // In a box: an idle connection keeps the room that this would take.
                    let answer = Box::pin(script::answer_fresh(self, request, deadline, permits));
                    answer.await
                }
            },
            Program::Component(component) if component.reads_streams() => {
                let request = request.map_body(whole_body);
                Box::pin(component.answer(self, request, deadline, own)).await
            }
            Program::Core(_) | Program::Component(_) => {
                let permits = (own, self.place(deadline).await?);
                Box::pin(command::answer(self, request, deadline, permits)).await
            }
        }
    }

    /// Whether the worker reads the body of a request as a stream, by
    /// [`call_streaming`](Self::call_streaming).
    pub fn reads_streams(&self) -> bool {
        match &self.0.program {
            Program::Component(component) => component.reads_streams(),
            Program::Core(_) | Program::Script(_) => false,
        }
    }

    /// As [`call`](Self::call), for a worker that reads streams.
    ///
    /// # Errors
    ///
    /// [`CallError`]; that of a worker that reads none is [`CallError::ReadsNoStream`].
    pub async fn call_streaming(
        &self,
        request: WorkerRequest<RequestBody>,
    ) -> Result<WorkerResponse, CallError> {
        let Program::Component(component) = &self.0.program else {
            return Err(CallError::ReadsNoStream);
        };
        let deadline = self.deadline();
        let own = self.turn(&self.0.permits, deadline).await?;
        component.answer(self, request, deadline, own).await
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.0.settings.limits.time.0
    }

    async fn call_lane(
        &self,
        lanes: &Lanes,
        request: WorkerRequest,
        deadline: Instant,
        turn: OwnedSemaphorePermit,
    ) -> Result<WorkerResponse, CallError> {
        let (reply, answered) = oneshot::channel();
        let job = Job {
            request,
            reply,
            deadline,
            turn,
            in_lane: None,
        };
        lanes.submit(self, job);
        let answer = answered.await;
        answer.unwrap_or_else(|_| Err(script::lost(self, deadline)))
    }

    /// A place in the pool, as soon as there is one.
    pub(crate) async fn place(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, CallError> {
        self.turn(&self.0.host.places, deadline).await
    }

    /// A place among others, as soon as there is one.
    async fn turn(
        &self,
        places: &Arc<Semaphore>,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, CallError> {
        if let Ok(place) = Arc::clone(places).try_acquire_owned() {
            return Ok(place);
        }
        let Loaded {
            waiting, settings, ..
        } = &*self.0;
        let queue = settings.limits.queue;
        let busy = CallError::Busy {
            running: settings.concurrency,
            waiting: queue,
        };
        let turn = Waiting::count_in(waiting);
        if turn.number > queue {
            return Err(busy);
        }
        match tokio::time::timeout_at(deadline, Arc::clone(places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            // The semaphores are never closed.
            Ok(Err::<_, AcquireError>(_)) => Err(busy),
            Err(_) => Err(CallError::Timeout {
                limit: settings.limits.time,
                waiting: true,
            }),
        }
    }
}

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

/// What takes several lines, on one.
pub(crate) fn one_line(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}
