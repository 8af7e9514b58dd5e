//! One request from its head to the end of its answer.

use std::net::IpAddr;
use std::time::Instant;

use http::{HeaderValue, Method, StatusCode, Version};
use http_semantics::TraceParent;

use super::{Answerer, Failed, FailureKind, Watch};
use crate::log::{self, Access};
use crate::request_id::RequestId;

/// What is counted for a client that went away before it had an answer; the number is that of nginx.
const CLIENT_GONE: u16 = 499;

/// A request that is being answered. Dropping it is the end, of whatever kind.
pub(crate) struct Record {
    watch: &'static Watch,
    began: Instant,
    answerer: Answerer,
    status: u16,
    bytes: u64,
    /// What is logged, if anything is.
    line: Option<Line>,
}

/// What the log says beyond what is measured.
pub(super) struct Line {
    pub(super) client: Option<IpAddr>,
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) version: Version,
    pub(super) referer: Option<HeaderValue>,
    pub(super) user_agent: Option<HeaderValue>,
    pub(super) id: RequestId,
    pub(super) trace: Option<TraceParent>,
}

impl Record {
    pub(super) fn begin(watch: &'static Watch, line: Option<Line>) -> Self {
        Self {
            watch,
            began: Instant::now(),
            answerer: Answerer::Nothing,
            status: CLIENT_GONE,
            bytes: 0,
            line,
        }
    }

    /// There is an answer.
    pub(crate) fn answered(&mut self, status: StatusCode, answerer: Answerer) {
        self.status = status.as_u16();
        self.answerer = answerer;
    }

    /// Which worker is asked; counts if the client does not wait for its answer.
    pub(crate) fn asks(&mut self, worker: usize) {
        self.answerer = Answerer::Worker(worker);
    }

    /// So much of the body has been given to who sends it.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// The body broke off, and not for want of a client.
    pub(crate) fn broke_off(&mut self, reason: &dyn std::fmt::Display) {
        if let Answerer::Worker(worker) = self.answerer {
            let failed = Failed {
                kind: FailureKind::BodyBrokeOff,
                limit: None,
                status: self.status,
                reason,
            };
            self.watch.failed(worker, &failed);
        }
    }

    fn log(&self, line: &Line, micros: u64) {
        log::access(&Access {
            client: line.client,
            method: line.method.as_str(),
            target: &line.target,
            protocol: protocol(line.version),
            status: self.status,
            bytes: self.bytes,
            referer: line.referer.as_ref().map(HeaderValue::as_bytes),
            user_agent: line.user_agent.as_ref().map(HeaderValue::as_bytes),
            micros,
            request_id: line.id.as_bytes(),
            trace_id: self.trace_id(line),
            route: self.watch.route(self.answerer),
        });
    }

    /// The trace that the request came with, or the one that the worker was given, which is named
    /// after the request.
    fn trace_id<'l>(&self, line: &'l Line) -> Option<&'l str> {
        match (&line.trace, &line.id, self.answerer) {
            (Some(trace), ..) => Some(trace.trace_id()),
            (None, RequestId::Own(digits), Answerer::Worker(_)) => std::str::from_utf8(digits).ok(),
            _ => None,
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        if let Some(measures) = self.watch.measures() {
            let route = self.watch.route_number(self.answerer);
            measures.answered(route, self.status, self.bytes, micros);
        }
        if let Some(line) = &self.line {
            self.log(line, micros);
        }
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/0.9",
    }
}
