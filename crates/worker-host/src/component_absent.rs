//! What stands in for components in a program that is built without them: none can be loaded, so
//! there is nothing to call.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use wasmtime::Store;

use crate::call::CallError;
use crate::exchange::{RequestBody, WorkerRequest, WorkerResponse};
use crate::native_code::NativeCode;
use crate::script::BodyAborted;
use crate::state::State;
use crate::stdio::Log;
use crate::worker::{Host, LoadError, Worker, WorkerKind, WorkerSettings};

/// Nobody reads it.
pub(crate) type Config = ();

/// There is none.
pub(crate) enum ComponentProgram {}

/// There is none.
#[derive(Debug)]
pub struct ComponentBody(Infallible);

/// Nothing.
pub(crate) struct ComponentState;

impl ComponentState {
    pub(crate) fn new(_: &WorkerSettings, _: &Log) -> Self {
        Self
    }
}

pub(crate) fn load(
    _: &Arc<Host>,
    _: WorkerKind,
    _: NativeCode,
    _: WorkerSettings,
) -> Result<Worker, LoadError> {
    Err(LoadError::Absent)
}

impl ComponentProgram {
    pub(crate) fn reads_streams(&self) -> bool {
        match *self {}
    }

    pub(crate) async fn run(&self, _: &mut Store<State>) -> wasmtime::Result<()> {
        match *self {}
    }

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

impl ComponentBody {
    /// The length that was announced.
    pub fn length(&self) -> Option<u64> {
        match self.0 {}
    }
}

impl Body for ComponentBody {
    type Data = Bytes;
    type Error = BodyAborted;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyAborted>>> {
        match self.0 {}
    }
}
