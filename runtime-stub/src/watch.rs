//! What is seen of requests, from outside of what answers them: whose they are, their ids, and what
//! became of them, for the log and the metrics.
//!
//! A request is [`begin`](Watch::begin)ned when its head is there. Unless something is logged or
//! measured, all that comes of that is an id. Otherwise there is a [`Record`], which goes where the
//! answer goes and is closed by being dropped, at the end of the answer or wherever it breaks off.

mod failures;
mod limits_hit;
mod measures;
mod record;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use bundle_format::Meta;
use http::header::{REFERER, USER_AGENT};
use http::{HeaderMap, Method, Uri, Version};

pub(crate) use failures::{Failed, FailureKind, LastError};
pub(crate) use limits_hit::LimitName;
pub(crate) use measures::{Measures, RouteKind, RouteSums};
pub(crate) use record::Record;

use crate::client::{self, Client};
use crate::peer::Peer;
use crate::request_id::{self, RequestId};
use crate::settings::TrustedProxies;
use record::Line;

/// What of requests is seen, and told.
#[derive(Clone, Debug, Default)]
pub struct WatchOptions {
    /// Who is believed.
    pub proxies: TrustedProxies,
    /// Whether there is one line a request.
    pub logs_requests: bool,
    /// Whether there are metrics.
    pub measures: bool,
}

/// Watches the requests of an app.
pub(crate) struct Watch {
    options: WatchOptions,
    /// The patterns of the workers' routes, and then what else answers.
    routes: Vec<String>,
    measures: Option<Measures>,
    connections: Connections,
    started: SystemTime,
    is_loaded: AtomicBool,
    is_draining: AtomicBool,
}

#[derive(Default)]
struct Connections {
    open: AtomicU64,
    all: AtomicU64,
}

/// While one of these lives, a connection is open.
pub(crate) struct OpenConnection(&'static Watch);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answerer {
    /// The worker with this number.
    Worker(usize),
    Assets,
    Redirect,
    /// The request was refused, or led nowhere.
    Nothing,
}

/// The head of a request.
pub(crate) struct Head<'h> {
    pub(crate) method: &'h Method,
    pub(crate) uri: &'h str,
    pub(crate) version: Version,
    /// All that matter to the log, if there is one, and to who trusts a proxy.
    pub(crate) fields: &'h HeaderMap,
}

/// A request, as it was seen to begin.
pub(crate) struct Seen {
    pub(crate) introduction: Introduction,
    /// Where something is logged or measured.
    pub(crate) record: Option<Box<Record>>,
}

/// What a worker is told of a request beyond what the client sent.
#[derive(Clone)]
pub(crate) struct Introduction {
    pub(crate) client: Client,
    pub(crate) id: RequestId,
}

impl Introduction {
    /// Writes it into the fields of a request for a worker. A request that belongs to no trace
    /// begins one.
    pub(crate) fn write(&self, fields: &mut HeaderMap) {
        self.client.introduce(fields);
        fields.insert(request_id::X_REQUEST_ID, self.id.header_value());
        if request_id::given_trace(fields).is_none() {
            // Without its parent, the state of a trace means nothing.
            fields.remove("tracestate");
            if let Ok(trace) = request_id::new_trace(&self.id).try_into() {
                fields.insert(request_id::TRACEPARENT, trace);
            }
        }
    }
}

impl Watch {
    /// A watch that lives as long as the process, as an app does.
    pub(crate) fn new(options: WatchOptions, meta: &Meta, prefix: &str) -> &'static Self {
        let route =
            |worker: &bundle_format::meta::WorkerRecord| format!("{prefix}{}", worker.route);
        let others = ["assets", "redirect", "none"].map(str::to_owned);
        let routes: Vec<String> = meta.workers.iter().map(route).chain(others).collect();
        let measures = options.measures.then(|| Measures::new(routes.len()));
        Box::leak(Box::new(Self {
            options,
            routes,
            measures,
            connections: Connections::default(),
            started: SystemTime::now(),
            is_loaded: AtomicBool::new(false),
            is_draining: AtomicBool::new(false),
        }))
    }

    /// Whether [`begin`](Self::begin) looks at fields that an asset has no use for.
    pub(crate) fn wants_fields(&self, peer: &Peer) -> bool {
        self.options.logs_requests || self.trusts(peer)
    }

    /// Whether what the peer says of its clients is believed.
    pub(crate) fn trusts(&self, peer: &Peer) -> bool {
        client::is_trusted(peer, &self.options.proxies)
    }

    /// Sees a request begin.
    pub(crate) fn begin(&'static self, head: &Head<'_>, peer: &Peer) -> Seen {
        let (client, given) = match self.trusts(peer) {
            true => {
                let client = Client::behind(peer, head.fields, &self.options.proxies);
                (client, RequestId::given(head.fields))
            }
            false => (Client::direct(peer), None),
        };
        let introduction = Introduction {
            client,
            // An id is worth something if nobody else has it: clients could choose one twice.
            id: given.unwrap_or_else(RequestId::next),
        };
        let record = self.is_watching().then(|| {
            let line = self
                .options
                .logs_requests
                .then(|| line(head, &introduction));
            Box::new(Record::begin(self, line))
        });
        Seen {
            introduction,
            record,
        }
    }

    fn is_watching(&self) -> bool {
        self.options.logs_requests || self.measures.is_some()
    }

    /// What is measured, if anything is.
    pub(crate) fn measures(&self) -> Option<&Measures> {
        self.measures.as_ref()
    }

    /// Tells why a worker has not answered.
    pub(crate) fn failed(&self, worker: usize, failed: &Failed<'_>) {
        if let Some(limit) = failed.limit {
            limit.hit();
        }
        if let Some(measures) = &self.measures {
            measures.failed(worker, self.route(Answerer::Worker(worker)), failed);
        }
    }

    /// All routes: those of workers in their order, and what else answers.
    pub(crate) fn routes(&self) -> impl Iterator<Item = (usize, &str, RouteKind)> {
        let workers = self.workers();
        self.routes.iter().enumerate().map(move |(number, route)| {
            let kind = match number.checked_sub(workers) {
                None => RouteKind::Worker,
                Some(0) => RouteKind::Assets,
                Some(1) => RouteKind::Redirect,
                Some(_) => RouteKind::Nothing,
            };
            (number, route.as_str(), kind)
        })
    }

    fn workers(&self) -> usize {
        self.routes.len() - 3
    }

    fn route_number(&self, answerer: Answerer) -> usize {
        match answerer {
            Answerer::Worker(worker) => worker.min(self.workers()),
            Answerer::Assets => self.workers(),
            Answerer::Redirect => self.workers() + 1,
            Answerer::Nothing => self.workers() + 2,
        }
    }

    fn route(&self, answerer: Answerer) -> &str {
        let number = self.route_number(answerer);
        self.routes.get(number).map_or("", String::as_str)
    }

    /// Counts a connection, until what this gives is dropped.
    pub(crate) fn connection(&'static self) -> OpenConnection {
        self.connections.open.fetch_add(1, Ordering::Relaxed);
        self.connections.all.fetch_add(1, Ordering::Relaxed);
        OpenConnection(self)
    }

    /// How many connections are open, and how many there have been.
    pub(crate) fn connections(&self) -> (u64, u64) {
        let Connections { open, all } = &self.connections;
        (open.load(Ordering::Relaxed), all.load(Ordering::Relaxed))
    }

    /// When the app was opened.
    pub(crate) fn started(&self) -> SystemTime {
        self.started
    }

    /// The workers are there.
    pub(crate) fn set_loaded(&self) {
        self.is_loaded.store(true, Ordering::Relaxed);
    }

    /// The server ends.
    pub(crate) fn set_draining(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.is_loaded.load(Ordering::Relaxed)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }
}

fn line(head: &Head<'_>, introduction: &Introduction) -> Line {
    Line {
        client: introduction.client.address,
        method: head.method.clone(),
        target: head.uri.to_owned(),
        version: head.version,
        referer: head.fields.get(REFERER).cloned(),
        user_agent: head.fields.get(USER_AGENT).cloned(),
        id: introduction.id.clone(),
        trace: request_id::given_trace(head.fields),
    }
}

/// Path and query of a request, as they are logged.
pub(crate) fn target_of(uri: &Uri) -> &str {
    uri.path_and_query().map_or("", |target| target.as_str())
}
