//! Services of `wasi:http` 0.3, which live in the event loop of their store.

mod reuse;

use std::future::{pending, poll_fn};
use std::sync::{Arc, Weak};

use tokio::sync::oneshot;
use wasmtime::component::{Accessor, Component, Linker};
use wasmtime::{AsContextMut, Store};
use wasmtime_wasi_http::handler::{Prepared, Proxy};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

pub(crate) use self::reuse::Reused;
use super::call::Head;
use crate::component::LinkError;
use crate::state::State;
use crate::worker::Loaded;

/// A component that exports `wasi:http/handler` 0.3, linked.
#[derive(Clone)]
pub(crate) struct Service {
    linked: ServicePre<State>,
    /// Its instances, where its author asked for their reuse.
    reused: Option<Arc<Reused>>,
}

impl Service {
    /// Links a service. What is new in 0.3 is only there for those who are of it.
    pub(crate) fn link(
        mut linker: Linker<State>,
        component: &Component,
    ) -> Result<Self, LinkError> {
        add_to_linker(&mut linker).map_err(LinkError::Imports)?;
        let linked = linker
            .instantiate_pre(component)
            .map_err(LinkError::Imports)?;
        let linked = ServicePre::new(linked).map_err(LinkError::Exports)?;
        Ok(Self {
            linked,
            reused: None,
        })
    }

    /// Has one instance answer up to `reuse` requests.
    pub(crate) fn reuse(&mut self, reuse: u32, worker: &Weak<Loaded>) {
        if reuse > 1 {
            let reused = Reused::new(worker.clone(), self.linked.clone());
            self.reused = Some(Arc::new(reused));
        }
    }

    pub(crate) fn reused(&self) -> Option<&Reused> {
        self.reused.as_deref()
    }

    /// Answers one request in a fresh instance, and lets the guest finish what it does after.
    pub(crate) async fn run(
        &self,
        store: &mut Store<State>,
        request: http::Request<WasiBody>,
        reply: oneshot::Sender<Head>,
    ) -> wasmtime::Result<()> {
        let service = Proxy::P3(self.linked.instantiate_async(&mut *store).await?);
        let (sender, mut head) = futures_channel::oneshot::channel();
        let call = async |accessor: &Accessor<State>| {
            let prepared = accessor.with(|mut store| {
                Prepared::new(
                    store.as_context_mut(),
                    &service,
                    request,
                    State::http,
                    sender,
                )
            })?;
            prepared.run(accessor, pending()).await?;
            if let Ok(Some(answer)) = head.try_recv() {
                // Nobody may be waiting any more.
                let _ = reply.send(service_head(answer)?);
            }
            poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
            Ok(())
        };
        store.run_concurrent(call).await?
    }
}

fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)
}

/// Tells an answer and an error that the guest gave itself from its failure.
fn service_head(answer: wasmtime::Result<http::Response<WasiBody>>) -> wasmtime::Result<Head> {
    match answer {
        Ok(response) => Ok(Ok(response)),
        Err(error) => match error.downcast::<ErrorCode>() {
            Ok(code) => Ok(Err(format!("{code:?}"))),
            Err(error) => Err(error),
        },
    }
}
