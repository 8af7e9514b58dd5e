//! Components that answer HTTP requests themselves: `wasi:http` 0.2 (`proxy`) and 0.3 (`service`).

mod body;
mod call;
mod outgoing;
mod progress;
#[cfg(feature = "concurrency")]
mod service;
#[cfg(not(feature = "concurrency"))]
#[path = "service_absent.rs"]
mod service;

pub use body::ComponentBody;
pub(super) use call::answer;
pub(super) use outgoing::Outgoing;
pub(super) use service::Service;

use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::state::State;

/// A component that answers requests, linked.
#[derive(Clone)]
pub(crate) enum HttpProgram {
    /// It exports `wasi:http/incoming-handler` 0.2.
    Proxy(ProxyPre<State>),
    /// It exports `wasi:http/handler` 0.3.
    Service(Service),
}
