//! What stands in for services of `wasi:http` 0.3 in a program that is built without the feature
//! `concurrency`.

use std::sync::Weak;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi_http::WasiBody;

use super::call::Head;
use crate::call::CallError;
use crate::component::LinkError;
use crate::exchange::{RequestBody, WorkerRequest, WorkerResponse};
use crate::state::State;
use crate::worker::{Loaded, Worker};

/// There is none.
#[derive(Clone)]
pub(crate) enum Service {}

/// There are none.
pub(crate) enum Reused {}

impl Service {
    pub(crate) fn link(_: Linker<State>, _: &Component) -> Result<Self, LinkError> {
        Err(LinkError::Absent)
    }

    pub(crate) fn reuse(&mut self, _: u32, _: &Weak<Loaded>) {
        match *self {}
    }

    pub(crate) fn reused(&self) -> Option<&Reused> {
        match *self {}
    }

    pub(crate) async fn run(
        &self,
        _: &mut Store<State>,
        _: http::Request<WasiBody>,
        _: oneshot::Sender<Head>,
    ) -> wasmtime::Result<()> {
        match *self {}
    }
}

impl Reused {
    pub(crate) async fn answer(
        &self,
        _: &Worker,
        _: WorkerRequest<RequestBody>,
        _: Instant,
        _: OwnedSemaphorePermit,
    ) -> Result<WorkerResponse, CallError> {
        match *self {}
    }
}
