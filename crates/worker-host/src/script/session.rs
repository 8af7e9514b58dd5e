//! An instance at work: what it is told, how long it may take, and when it is over.
//!
//! A session drives one instance. Fresh, it has one request; reused, it takes requests from an
//! inbox, several at a time while the script waits. Between two slices of work nothing runs: the
//! session waits for a timer, a client, a request, or the end of somebody's time.

mod transaction;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use script_abi::{Event, encode};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use self::transaction::{Concluded, conclude};
use super::body::Signals;
use super::instance::{Instance, ScriptProgram};
use super::lanes::InLane;
use super::operations::Settled;
use super::state::{OpenRequest, Reply};
use crate::call::{CallError, one_line};
use crate::exchange::{WorkerRequest, WorkerResponse};
use crate::stdio::LogLevel;
use crate::transact::Runs;
use crate::worker::{Program, Worker};

/// How long a reused instance lives without a request.
const IDLE: Duration = Duration::from_secs(30);

/// A request on its way to a script.
pub(crate) struct Job {
    pub(crate) request: WorkerRequest,
    pub(crate) reply: Reply,
    pub(crate) deadline: Instant,
    /// Among the requests of the worker; given back when the script has finished with it.
    pub(crate) turn: OwnedSemaphorePermit,
    /// Where it counts as open, if it shares its instance.
    pub(crate) in_lane: Option<InLane>,
}

/// One instance and the requests that it works on.
pub(crate) struct Session {
    worker: Worker,
    /// For the instance, until there is one.
    place: Option<OwnedSemaphorePermit>,
    inbox: Option<mpsc::UnboundedReceiver<Job>>,
    signals: Arc<Signals>,
    open: Vec<Open>,
    /// When the script wants to be called again.
    wake: Option<Instant>,
    last_id: u32,
    /// Whether its request was run before, in vain.
    is_repeated: bool,
}

struct Open {
    id: u32,
    deadline: Instant,
    /// Kept where it may have to be run again.
    request: Option<WorkerRequest>,
    /// What goes on is a body, or what the script does after its answer.
    is_answered: Arc<AtomicBool>,
    held: (OwnedSemaphorePermit, Option<InLane>),
}

/// What a session does next.
enum Step {
    Begin(Box<Job>),
    Resume(Event, u32),
    Settled(Settled),
    /// These requests have used up their time while the script waits.
    Expired,
    /// Nothing will ever happen again.
    Over,
}

/// The guest cannot go on; its instance is gone.
struct Ended;

impl Session {
    pub(crate) fn new(
        worker: Worker,
        place: OwnedSemaphorePermit,
        inbox: Option<mpsc::UnboundedReceiver<Job>>,
    ) -> Self {
        Self {
            worker,
            place: Some(place),
            inbox,
            signals: Arc::default(),
            open: Vec::new(),
            wake: None,
            last_id: 0,
            is_repeated: false,
        }
    }

    /// Works until there is nothing left to do, or the instance is gone.
    pub(crate) async fn run(mut self, first: Option<Job>) {
        if let Some(again) = self.work(first, &mut None).await {
            Box::pin(self.repeat(again)).await;
        }
        self.close();
        // What came too late is for another instance.
        while let Some(job) = self.inbox.as_mut().and_then(|inbox| inbox.try_recv().ok()) {
            if let Some(lanes) = &self.worker.0.lanes {
                lanes.submit(&self.worker, job);
            }
        }
    }

    /// Takes no more requests. Before a request is told that the instance is gone, so that whoever
    /// comes after that finds another.
    fn close(&mut self) {
        if let Some(inbox) = &mut self.inbox {
            inbox.close();
        }
    }

    /// Gives a request back that has to be run again, since others have changed what it was given.
    async fn work(&mut self, first: Option<Job>, runs: &mut Option<Runs<'_>>) -> Option<Job> {
        let mut step = match first {
            Some(job) => Step::Begin(Box::new(job)),
            None => Step::Begin(Box::new(self.next_job().await?)),
        };
        let mut instance = None;
        loop {
            let slice = match step {
                Step::Begin(job) => self.begin(instance.take(), *job).await,
                Step::Resume(event, id) => self.resume(instance.take(), event, id).await,
                Step::Settled(settled) => self.settled(instance.take(), settled).await,
                Step::Expired => self.expire(instance.take()).await,
                Step::Over => return None,
            };
            let mut rested = slice.ok()?;
            if rested.store.data().held.is_some() {
                let deadline = self.open.first().map(|open| open.deadline);
                match conclude(rested.store.data_mut(), deadline).await {
                    // The next one has its turn.
                    Concluded::Answered => *runs = None,
                    Concluded::Conflict(reply) => return self.take_back(rested, reply),
                }
            }
            self.settle(&mut rested);
            step = self.next(&mut rested).await;
            instance = Some(rested);
        }
    }

    async fn next_job(&mut self) -> Option<Job> {
        match &mut self.inbox {
            Some(inbox) => inbox.recv().await,
            None => None,
        }
    }

    async fn begin(&mut self, instance: Option<Instance>, job: Job) -> Result<Instance, Ended> {
        self.last_id = self.last_id.wrapping_add(1);
        let id = self.last_id;
        let Job {
            request,
            reply,
            deadline,
            turn,
            in_lane,
        } = job;
        let is_answered = Arc::<AtomicBool>::default();
        let head = encode_head(&request);
        let body = request.body.clone();
        let may_be_repeated = self.worker.0.settings.kv.is_some();
        self.open.push(Open {
            id,
            deadline,
            request: may_be_repeated.then_some(request),
            is_answered: Arc::clone(&is_answered),
            held: (turn, in_lane),
        });
        let (worker, signals) = (self.worker.clone(), Arc::clone(&self.signals));
        let is_repeated = self.is_repeated;
        // With the instance wherever that goes: it is only free when the instance is gone.
        let place = self.place.take();
        let open = OpenRequest::new(id, body, reply, is_answered);
        self.slice(Some(id), async move {
            let mut instance = match instance {
                Some(instance) => instance,
                None => match new_instance(&worker, signals).await {
                    Ok(mut instance) => {
                        instance.place = place;
                        let state = instance.store.data_mut();
                        state.worker = Some(worker);
                        state.is_repeated = is_repeated;
                        instance
                    }
                    Err(error) => return (Err(open), Err(error)),
                },
            };
            let state = instance.store.data_mut();
            state.requests.push(open);
            state.meter.begin_request();
            let left = instance.request(id, head).await;
            (Ok(instance), left)
        })
        .await
    }

    async fn resume(
        &mut self,
        instance: Option<Instance>,
        event: Event,
        id: u32,
    ) -> Result<Instance, Ended> {
        let Some(mut instance) = instance else {
            return Err(Ended);
        };
        let about = (event != Event::Timer).then_some(id);
        self.slice(about, async move {
            let left = instance.resume(event, id).await;
            (Ok(instance), left)
        })
        .await
    }

    async fn settled(
        &mut self,
        instance: Option<Instance>,
        settled: Settled,
    ) -> Result<Instance, Ended> {
        let Some(mut instance) = instance else {
            return Err(Ended);
        };
        let Settled {
            number,
            owner,
            outcome,
            failure,
        } = settled;
        if let Some(failure) = failure {
            instance.store.data_mut().note_store_failure(owner, failure);
        }
        let about = (owner != 0).then_some(owner);
        self.slice(about, async move {
            let left = instance.settled(number, outcome).await;
            (Ok(instance), left)
        })
        .await
    }

    /// Lets the script run until it has nothing more to do, or somebody's time is over.
    /// `about` is the request that it works on, if it is one.
    async fn slice<F>(&mut self, about: Option<u32>, work: F) -> Result<Instance, Ended>
    where
        F: Future<Output = (Result<Instance, OpenRequest>, wasmtime::Result<f64>)> + Send + 'static,
    {
        let host = Arc::clone(&self.worker.0.host);
        let ticking = host.ticker.start();
        let deadline = self.open.iter().map(|open| open.deadline).min();
        let work = host.busy.run(async move {
            // Counted for as long as the script really runs, wherever that is.
            let _ticking = ticking;
            work.await
        });
        let ended = match deadline {
            // The timer is first polled, and so registered, when the first slice did not end it.
            Some(deadline) => tokio::time::timeout_at(deadline, work).await.ok(),
            None => Some(work.await),
        };
        match ended {
            Some((Ok(instance), Ok(left))) => {
                self.wake = wake_in(left);
                Ok(instance)
            }
            Some((Ok(instance), Err(error))) => {
                self.close();
                self.fail_all(instance, about, &error);
                Err(Ended)
            }
            Some((Err(open), Err(error))) => {
                self.close();
                let message = one_line(&format!("{error:#}"));
                answer(open, Err(CallError::Trap { message }));
                Err(Ended)
            }
            Some((Err(_), Ok(_))) => Err(Ended),
            // All requests lose their instance; each tells by its own deadline why.
            None => {
                self.log_cut_off();
                Err(Ended)
            }
        }
    }

    /// Says so where time is over that no answer tells of any more.
    fn log_cut_off(&self) {
        let now = Instant::now();
        let settings = &self.worker.0.settings;
        if self
            .open
            .iter()
            .any(|open| open.is_answered.load(Ordering::Relaxed) && open.deadline <= now)
        {
            let limit = settings.limits.time;
            let line = format!(
                "what it did after its answer took longer than its limit `time` of {limit}"
            );
            (settings.log)(LogLevel::Error, &line);
        }
    }

    /// The request that the script was working on ends with its failure, and all others with it.
    fn fail_all(&mut self, mut instance: Instance, about: Option<u32>, error: &wasmtime::Error) {
        let state = instance.store.data_mut();
        let (limit, refused) = (state.meter.limit(), state.meter.refused());
        for open in state.requests.drain(..) {
            let is_other = about.is_some_and(|id| id != open.id);
            let failure = match refused {
                _ if is_other => CallError::InstanceLost,
                Some(asked) => CallError::OutOfMemory { limit, asked },
                None => CallError::Trap {
                    message: one_line(&format!("{error:#}")),
                },
            };
            answer(open, Err(failure));
        }
        state.log.finish();
    }

    /// Forgets the requests that the script has finished with.
    fn settle(&mut self, instance: &mut Instance) {
        let state = instance.store.data_mut();
        state.requests.retain_mut(|request| {
            if request.is_done {
                request.give_begun();
            }
            !request.is_done
        });
        let left = &state.requests;
        state
            .operations
            .keep(|id| left.iter().any(|request| request.id == id));
        self.open
            .retain(|open| left.iter().any(|request| request.id == open.id));
        if self.open.is_empty() {
            state.log.finish();
        }
    }
}

/// The moment in so many milliseconds; `None` for never, and for what is no time.
fn wake_in(ms: f64) -> Option<Instant> {
    let in_time = Duration::try_from_secs_f64((ms / 1000.0).max(0.0)).ok()?;
    Instant::now().checked_add(in_time)
}

fn answer(open: OpenRequest, result: Result<WorkerResponse, CallError>) {
    if let Some(reply) = open.reply {
        // Nobody may be waiting any more.
        let _ = reply.send(result);
    }
}

async fn new_instance(worker: &Worker, signals: Arc<Signals>) -> wasmtime::Result<Instance> {
    let Program::Script(program) = &worker.0.program else {
        wasmtime::bail!("a worker that is no script");
    };
    let program: &ScriptProgram = program;
    let table_elements_max = worker.0.host.table_elements_max;
    Instance::new(program, &worker.0.settings, table_elements_max, signals).await
}

fn encode_head(request: &WorkerRequest) -> Vec<u8> {
    let url = format!("{}{}", request.origin, request.url);
    let headers = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    let params = request
        .params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    encode(&script_abi::Request {
        method: request.method.as_str(),
        url: &url,
        headers: headers.collect(),
        params: params.collect(),
        // The limit of a request body is far below.
        body_bytes: u32::try_from(request.body.len()).unwrap_or(u32::MAX),
    })
}
