//! `wws [PATH]`: bundles a folder into memory and serves that bundle, through the very code that
//! an app runs.

use std::io::{Cursor, Write};

use runtime_stub::cli::{announce, describe_routes};
use runtime_stub::serve::{self, Bound, ServeError};
use runtime_stub::{App, Settings};
use worker_host::leak_pages;

use crate::{BundleError, BundleOptions, bundle_into};

/// Why a folder was not served.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The site.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// There is not enough memory.
    #[error("the bundle does not fit into memory: {0}")]
    Memory(#[from] std::io::Error),
}

/// Serves a folder until it is told to end.
pub fn serve_folder(options: &BundleOptions, settings: &Settings) -> Result<(), FolderError> {
    let signals = serve::install_signals()?;
    let mut bundle = Cursor::new(Vec::new());
    let (summary, _) = bundle_into(options, &mut bundle)?;
    let bundle = bundle.into_inner();
    // Pages of their own that live as long as the process, as the kernel maps them for an app.
    let mapped = leak_pages(bundle.len(), |pages| {
        pages.copy_from_slice(&bundle);
        Ok::<_, std::io::Error>(())
    })?;
    drop(bundle);
    let bound = Bound::new(settings)?;
    let runtime = serve::start_runtime()?;
    let app = runtime
        .block_on(App::open(mapped, settings.app.clone()))
        .map_err(ServeError::from)?;
    let routes = describe_routes(&app);
    let listening = |places: &[String]| {
        let mut out = std::io::stdout().lock();
        // Nobody may be reading it.
        let _ = write!(out, "{}{routes}", summary.reading());
        drop(out);
        announce(places);
    };
    let served = runtime.block_on(serve::serve(app, settings, signals, bound, listening));
    runtime.shutdown_background();
    Ok(served?)
}
