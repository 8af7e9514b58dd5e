//! Components: what they can import, and the two ways to call one. Left out of a program that is
//! built without the feature `components`: [`component_absent`](../component_absent.rs) stands in.

mod http;
mod keyvalue;

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::{I32Exit, WasiView};
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

pub use self::http::ComponentBody;
use self::http::{HttpProgram, Outgoing, Service};
use crate::call::CallError;
use crate::exchange::{RequestBody, WorkerRequest, WorkerResponse};
use crate::native_code::NativeCode;
use crate::state::State;
use crate::stdio::Log;
use crate::worker::{Host, LoadError, Loaded, Program, Worker, WorkerKind, WorkerSettings};

/// The environment of a worker, for components that read it by `wasi:config`.
pub(crate) type Config = WasiConfigVariables;

/// A component, linked once and instantiated for each request.
pub(crate) enum ComponentProgram {
    /// It exports `wasi:cli/run`, and speaks the wws protocol.
    Command(CommandPre<State>),
    /// It answers requests itself.
    Http(HttpProgram),
}

/// Why a component cannot be linked.
pub(crate) enum LinkError {
    Imports(wasmtime::Error),
    Exports(wasmtime::Error),
    /// It is of 0.3, which this program was built without.
    #[cfg(not(feature = "concurrency"))]
    Absent,
}

impl From<LinkError> for LoadError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Imports(reason) | LinkError::Exports(reason) => Self::Imports { reason },
            #[cfg(not(feature = "concurrency"))]
            LinkError::Absent => Self::Absent,
        }
    }
}

/// Loads a component.
pub(crate) fn load(
    host: &Arc<Host>,
    kind: WorkerKind,
    code: NativeCode,
    settings: WorkerSettings,
) -> Result<Worker, LoadError> {
    let component = code
        .into_component(host.engine())
        .map_err(|reason| LoadError::Incompatible { reason })?;
    let mut program = link(host.engine(), kind, &component)?;
    let config = settings.vars.iter().cloned().collect();
    let loaded = Arc::new_cyclic(|this| {
        if let ComponentProgram::Http(HttpProgram::Service(service)) = &mut program {
            service.reuse(settings.reuse, this);
        }
        Loaded::new(host, Program::Component(program), settings, config)
    });
    Ok(Worker(loaded))
}

/// Links a component; what it exports and imports must be there.
pub(crate) fn link(
    engine: &Engine,
    kind: WorkerKind,
    component: &Component,
) -> Result<ComponentProgram, LinkError> {
    let mut linker = Linker::new(engine);
    add_to_linker(&mut linker).map_err(LinkError::Imports)?;
    if kind == WorkerKind::HttpService {
        let service = Service::link(linker, component)?;
        return Ok(ComponentProgram::Http(HttpProgram::Service(service)));
    }
    let linked = linker
        .instantiate_pre(component)
        .map_err(LinkError::Imports)?;
    let program = match kind {
        WorkerKind::HttpProxy => {
            ProxyPre::new(linked).map(|it| ComponentProgram::Http(HttpProgram::Proxy(it)))
        }
        _ => CommandPre::new(linked).map(ComponentProgram::Command),
    };
    program.map_err(LinkError::Exports)
}

/// All that a component of 0.2 can import.
fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wasmtime_wasi_config::add_to_linker(linker, State::config)?;
    keyvalue::add_to_linker(linker)
}

impl ComponentProgram {
    /// Whether it reads the body of a request as a stream.
    pub(crate) fn reads_streams(&self) -> bool {
        matches!(self, Self::Http(_))
    }

    /// Runs a program of the wws protocol to its end.
    pub(crate) async fn run(&self, store: &mut Store<State>) -> wasmtime::Result<()> {
        let Self::Command(linked) = self else {
            // It has no start of this kind.
            return Ok(());
        };
        let command = linked.instantiate_async(&mut *store).await?;
        match command.wasi_cli_run().call_run(store).await? {
            Ok(()) => Ok(()),
            Err(()) => Err(I32Exit(1).into()),
        }
    }

    /// Has a component answer a request itself.
    pub(crate) async fn answer(
        &self,
        worker: &Worker,
        request: WorkerRequest<RequestBody>,
        deadline: Instant,
        own: OwnedSemaphorePermit,
    ) -> Result<WorkerResponse, CallError> {
        let Self::Http(program) = self else {
            return Err(CallError::ReadsNoStream);
        };
        if let HttpProgram::Service(service) = program
            && let Some(reused) = service.reused()
        {
            return reused.answer(worker, request, deadline, own).await;
        }
        let permits = (own, worker.place(deadline).await?);
        http::answer(worker, program, request, deadline, permits).await
    }
}

/// What an instance of a component has of the host beyond what all programs have.
pub(crate) struct ComponentState {
    http: WasiHttpCtx,
    outgoing: Outgoing,
}

impl ComponentState {
    pub(crate) fn new(settings: &WorkerSettings, log: &Log) -> Self {
        Self {
            http: WasiHttpCtx::new(),
            outgoing: Outgoing::new(settings.outbound.clone(), log.clone()),
        }
    }
}

impl State {
    fn config(&mut self) -> WasiConfig<'_> {
        WasiConfig::new(&self.worker.0.config)
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.component.http,
            table: WasiView::ctx(&mut self.wasi).table,
            hooks: &mut self.component.outgoing,
        }
    }
}
