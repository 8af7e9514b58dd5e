//! The program that an app begins with: the smallest that can host all its workers.
//!
//! What wasmtime makes of each function that a component can import is large, and a component of
//! 0.2 is slower in an engine that is prepared for 0.3; so a site pays for neither without need.

use rust_embed::RustEmbed;
use worker_host::{Concurrency, WorkerKind};

use crate::survey::{Program, WorkerFile};

/// The programs that the build script made, each in a zstd frame.
#[derive(RustEmbed)]
#[folder = "$OUT_DIR/stubs"]
struct EmbeddedStubs;

/// What a program can host; each beside all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hosting {
    /// Static files, core modules, scripts.
    Modules,
    /// Components of 0.2.
    Components,
    /// Services of `wasi:http` 0.3.
    Services,
}

impl Hosting {
    /// What the workers of a site need.
    pub fn of_workers(workers: &[WorkerFile]) -> Self {
        let needed = workers.iter().map(|worker| match &worker.program {
            Program::Script(_) => Self::Modules,
            Program::Wasm(_, kind) => match kind {
                WorkerKind::CoreCommand => Self::Modules,
                WorkerKind::ComponentCommand | WorkerKind::HttpProxy => Self::Components,
                WorkerKind::HttpService => Self::Services,
            },
        });
        needed.max().unwrap_or(Self::Modules)
    }

    /// How its engine, and so the code for it, is set up.
    pub fn concurrency(self) -> Concurrency {
        match self {
            Self::Modules | Self::Components => Concurrency::Off,
            Self::Services => Concurrency::On,
        }
    }

    /// What the program is built from, a line each, as the build script has found it.
    pub fn stub_components(self) -> &'static str {
        match self {
            Self::Modules => include_str!(concat!(env!("OUT_DIR"), "/modules-components.txt")),
            Self::Components => {
                include_str!(concat!(env!("OUT_DIR"), "/components-components.txt"))
            }
            Self::Services => include_str!(concat!(env!("OUT_DIR"), "/services-components.txt")),
        }
    }

    /// The program.
    ///
    /// # Errors
    ///
    /// Those of zstd, if `wws` itself is damaged.
    pub fn stub(self) -> std::io::Result<Vec<u8>> {
        let name = match self {
            Self::Modules => "modules",
            Self::Components => "components",
            Self::Services => "services",
        };
        let frame = EmbeddedStubs::get(name).map(|file| file.data);
        zstd::decode_all(&*frame.unwrap_or_default())
    }
}
