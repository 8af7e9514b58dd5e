//! Components that answer HTTP requests themselves: `wasi:http` 0.2 (`proxy`) and 0.3 (`service`).

mod body;
mod call;
mod outgoing;
mod progress;
mod reuse;

pub use body::{ComponentBody, RequestBody, RequestBodyError};
pub(crate) use call::{answer, whole_body};
pub(crate) use outgoing::Outgoing;
pub(crate) use reuse::Reused;

use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::state::State;

/// A component that answers requests, linked.
#[derive(Clone)]
pub(crate) enum HttpProgram {
    /// It exports `wasi:http/incoming-handler` 0.2.
    Proxy(ProxyPre<State>),
    /// It exports `wasi:http/handler` 0.3.
    Service(ServicePre<State>),
}
