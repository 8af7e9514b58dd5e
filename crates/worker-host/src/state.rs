//! What an instance of a program or a component has of the host.

use wasmtime::Store;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{I32Exit, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::call::{CallError, one_line};
use crate::component::ComponentState;
use crate::meter::MemoryMeter;
use crate::stdio::{Answer, Log};
use crate::worker::Worker;

/// What a guest can have the host allocate in one call, and hold open.
const HOSTCALL_BYTES: usize = 64 << 20;
const RANDOM_BYTES_MAX: u64 = 16 << 20;
const OPEN_RESOURCES_MAX: usize = 4096;

/// What one instance has of the host.
pub(crate) struct State {
    pub(crate) worker: Worker,
    pub(crate) wasi: WasiP1Ctx,
    pub(crate) memory: MemoryMeter,
    pub(crate) log: Log,
    #[cfg_attr(
        not(feature = "components"),
        expect(dead_code, reason = "there are none")
    )]
    pub(crate) component: ComponentState,
}

/// Where a guest's standard input comes from and its standard output goes.
pub(crate) enum Stdio {
    /// A request and its answer, in the wws protocol.
    Protocol(Vec<u8>, Answer),
    /// Nothing, and the log.
    #[cfg(feature = "components")]
    Log,
}

impl State {
    /// A store for one instance, under the limits of its worker.
    pub(crate) fn store(worker: &Worker, stdio: Stdio) -> Store<Self> {
        let host = &worker.0.host;
        let settings = &worker.0.settings;
        let log = Log::new(settings.log.clone());
        let mut wasi = WasiCtxBuilder::new();
        match stdio {
            Stdio::Protocol(request, answer) => {
                wasi.stdin(MemoryInputPipe::new(request)).stdout(answer)
            }
            #[cfg(feature = "components")]
            Stdio::Log => wasi.stdout(log.clone()),
        };
        wasi.stderr(log.clone())
            .envs(&settings.vars)
            .max_random_size(RANDOM_BYTES_MAX);
        let state = Self {
            worker: worker.clone(),
            wasi: wasi.build_p1(),
            memory: MemoryMeter::new(settings.limits.memory, host.table_elements_max),
            component: ComponentState::new(settings, &log),
            log,
        };
        let mut store = Store::new(host.engine(), state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(HOSTCALL_BYTES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        WasiView::ctx(store.data_mut())
            .table
            .set_max_capacity(OPEN_RESOURCES_MAX);
        store
    }

    /// The limit that made a guest fail, or else how it failed.
    pub(crate) fn explain(&self, error: &wasmtime::Error) -> CallError {
        if let Some(asked) = self.memory.refused() {
            return CallError::OutOfMemory {
                limit: self.memory.limit(),
                asked,
            };
        }
        if let Some(exit) = error.downcast_ref::<I32Exit>() {
            return CallError::Exit { code: exit.0 };
        }
        CallError::Trap {
            message: one_line(&format!("{error:#}")),
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // A guest that is stopped has its last words logged too.
        self.log.finish();
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiView::ctx(&mut self.wasi)
    }
}
