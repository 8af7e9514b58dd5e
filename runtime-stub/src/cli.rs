//! The command line of an app.

use std::io::Write;
use std::process::ExitCode;

use bundle_format::elf::ElfError;
use clap::Parser;

use crate::app::{App, StartError};
use crate::log;
use crate::mapped::own_bundle;
use crate::serve::{self, Bound, ServeError};
use crate::settings::{ServeArgs, Settings, SettingsError};

/// A site and its workers in one file, made by `wws bundle`
#[derive(Parser, Debug)]
#[command(name = "wws app", version)]
struct Arguments {
    /// Print which paths lead to workers, and how many assets there are, and exit
    #[arg(long)]
    routes: bool,
    #[command(flatten)]
    serve: ServeArgs,
}

/// Why the app ended otherwise than it was asked to.
#[derive(Debug, thiserror::Error)]
enum AppError {
    #[error(transparent)]
    Bundle(#[from] ElfError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("cannot write to standard output: {0}")]
    Output(#[from] std::io::Error),
}

impl AppError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Settings(error) => error.exit_code().into(),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Runs the app: 0 if it ended as asked, 1 if something failed, 2 for wrong usage.
pub fn run() -> ExitCode {
    match run_app() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::flush();
            let _ = writeln!(std::io::stderr(), "error: {error}");
            error.exit_code()
        }
    }
}

fn run_app() -> Result<(), AppError> {
    // Signals first: from here on this can be PID 1.
    let signals = serve::install_signals()?;
    let arguments = Arguments::parse();
    let mapped = own_bundle()?;
    let settings = arguments.serve.settle(|name| std::env::var(name).ok())?;
    log::install(&settings.ops.log);
    if arguments.routes {
        return print_routes(mapped, settings);
    }
    let bound = Bound::new(&settings)?;
    let runtime = serve::start_runtime()?;
    let app = runtime.block_on(App::open(mapped, settings.app.clone()))?;
    let served = runtime.block_on(serve::serve(app, &settings, signals, bound, announce));
    // Workers that are still running are not waited for.
    runtime.shutdown_background();
    Ok(served?)
}

fn print_routes(mapped: &'static [u8], settings: Settings) -> Result<(), AppError> {
    let runtime = serve::start_runtime()?;
    let app = runtime.block_on(App::open(mapped, settings.app))?;
    let text = describe_routes(&app);
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

/// One line on standard output for each place where the app is to be found.
pub fn announce(places: &[String]) {
    let mut out = std::io::stdout().lock();
    for place in places {
        // Nobody may be reading it.
        let _ = writeln!(out, "Listening on {place}");
    }
    let _ = out.flush();
}

/// One line a route, with the file behind it.
pub fn describe_routes(app: &App) -> String {
    let meta = app.bundle().meta();
    let width = meta
        .workers
        .iter()
        .map(|w| w.route.to_string().len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for worker in &meta.workers {
        let route = format!("{}{}", app.prefix(), worker.route);
        let width = width + app.prefix().len();
        text.push_str(&format!("{route:<width$}  {}\n", worker.source));
    }
    let root = format!("{}/", app.prefix());
    text.push_str(&format!("{root}  {} assets\n", meta.asset_files));
    text
}
