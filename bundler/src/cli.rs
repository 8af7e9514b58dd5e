//! The command line of `wws`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use bundle_format::meta::Layout;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use oci_image::ImageName;
use runtime_stub::ServeArgs;
use runtime_stub::app::parse_prefix;
use worker_host::Cpu;

use crate::encode::{EncodeOptions, Encoding, Level};
use crate::inspect::{InspectError, inspect};
use crate::outputs::{ImageOutput, Outputs};
use crate::pack::CodeOptions;
use crate::progress::Progress;
use crate::scan::parse_ignore;
use crate::serve_folder::{FolderError, serve_folder};
use crate::{BundleError, BundleOptions, bundle};

/// Ship a site and its workers as one file
#[derive(Parser, Debug)]
#[command(name = "wws", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeFolderArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make one executable that serves a folder
    Bundle(BundleArgs),
    /// Show what is in an executable made by `wws bundle`
    Inspect(InspectArgs),
}

/// Without a command: serve a folder
#[derive(Args, Debug)]
struct ServeFolderArgs {
    /// The folder to serve
    #[arg(default_value = ".", value_name = "PATH")]
    site: PathBuf,
    #[command(flatten)]
    reading: ReadingArgs,
    #[command(flatten)]
    serve: ServeArgs,
}

/// How a folder is read.
#[derive(Args, Debug)]
struct ReadingArgs {
    /// Leave out files that match: names at any depth, or paths if there is a slash
    #[arg(long, value_name = "GLOB", value_parser = parse_ignore)]
    ignore: Vec<String>,
    /// How to read the folder; told by what is in it if not given
    #[arg(long)]
    layout: Option<LayoutArg>,
}

#[derive(Args, Debug)]
struct BundleArgs {
    /// The folder of the site
    #[arg(default_value = ".")]
    site: PathBuf,
    #[command(flatten)]
    outputs: OutputArgs,
    #[command(flatten)]
    reading: ReadingArgs,
    /// What every path begins with, such as /shop
    #[arg(long, value_parser = parse_prefix, value_name = "PATH", default_value = "")]
    prefix: String,
    /// How hard to compress
    #[arg(long, default_value = "default")]
    level: Level,
    /// The codings to store, with commas between
    #[arg(long, value_delimiter = ',', default_value = "zstd,br,gzip")]
    encodings: Vec<Encoding>,
    /// What is compressed; native code that is raw starts fastest, and is executed where it lies
    #[arg(long, default_value = "auto")]
    compress: Compress,
    /// The CPU that workers are compiled for; native code runs only on CPUs like this one
    #[arg(long, default_value = "baseline")]
    cpu: CpuArg,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

/// What is written: an executable, an image, or both.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("written").args(["output", "oci"]).required(true).multiple(true)))]
struct OutputArgs {
    /// The executable to write
    #[arg(short, long, value_name = "APP")]
    output: Option<PathBuf>,
    /// The container image to write, as a tar for docker, podman and skopeo
    #[arg(long, value_name = "TAR")]
    oci: Option<PathBuf>,
    /// What the image is called, such as registry.example/shop:1.2; the name of its file if not given
    #[arg(long, value_name = "NAME", value_parser = ImageName::parse, requires = "oci")]
    oci_name: Option<ImageName>,
    /// Also write what the app is made of, in CycloneDX 1.5 as JSON
    #[arg(long, value_name = "FILE")]
    sbom: Option<PathBuf>,
}

impl From<OutputArgs> for Outputs {
    fn from(arguments: OutputArgs) -> Self {
        let OutputArgs {
            output,
            oci,
            oci_name,
            sbom,
        } = arguments;
        Self {
            app: output,
            image: oci.map(|path| ImageOutput::new(path, oci_name)),
            sbom,
        }
    }
}

#[derive(Args, Debug)]
struct InspectArgs {
    /// An executable made by `wws bundle`
    app: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    /// Check every hash
    #[arg(long)]
    verify: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum LayoutArg {
    /// Every file is an asset, except workers
    Site,
    /// Workers anywhere, assets below public/
    Project,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Compress {
    /// Assets, and native code of less than 1 MiB
    Auto,
    /// Assets and native code
    All,
    /// Assets only
    Assets,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum CpuArg {
    /// x86-64-v2: every x86-64 machine since about 2009
    Baseline,
    /// The one that this runs on
    Native,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error(transparent)]
    Settings(#[from] runtime_stub::settings::SettingsError),
    #[error("SOURCE_DATE_EPOCH is {value:?}; it has to be a number of seconds since 1970")]
    SourceDate { value: String },
    #[error("cannot write to standard output: {0}")]
    Output(#[from] std::io::Error),
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl CommandError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Settings(error) => error.exit_code().into(),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Runs a command: 0 if all is well, 1 if something failed, 2 for wrong usage.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Some(Command::Bundle(arguments)) => run_bundle(arguments),
        Some(Command::Inspect(arguments)) => run_inspect(&arguments),
        None => run_serve(arguments.serve),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has read enough.
        Err(CommandError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            error.exit_code()
        }
    }
}

fn run_bundle(arguments: BundleArgs) -> Result<(), CommandError> {
    let quiet = arguments.quiet || arguments.json;
    let options = BundleOptions {
        site: arguments.site,
        layout: arguments.reading.layout.map(Layout::from),
        ignore: arguments.reading.ignore,
        prefix: arguments.prefix,
        encode: EncodeOptions {
            encodings: sorted(arguments.encodings),
            level: arguments.level,
        },
        code: match arguments.compress {
            Compress::Auto => CodeOptions::CompressSmall,
            Compress::All => CodeOptions::Compress,
            Compress::Assets => CodeOptions::Raw,
        },
        cpu: arguments.cpu.into(),
        modified: source_date()?,
        progress: Progress::for_stderr(quiet),
    };
    let summary = bundle(&options, &arguments.outputs.into())?;
    let text = match (arguments.json, arguments.quiet) {
        (true, _) => serde_json::to_string_pretty(&summary)? + "\n",
        (false, true) => String::new(),
        (false, false) => summary.to_string(),
    };
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

fn run_inspect(arguments: &InspectArgs) -> Result<(), CommandError> {
    let inspection = inspect(&arguments.app, arguments.verify)?;
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&inspection)? + "\n",
        false => inspection.to_string(),
    };
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

fn run_serve(arguments: ServeFolderArgs) -> Result<(), CommandError> {
    let settings = arguments.serve.settle(|name| std::env::var(name).ok())?;
    runtime_stub::log::install(&settings.ops.log);
    let options = BundleOptions {
        site: arguments.site,
        layout: arguments.reading.layout.map(Layout::from),
        ignore: arguments.reading.ignore,
        // The flag is for the app, as when a bundle is started.
        prefix: String::new(),
        encode: EncodeOptions {
            encodings: vec![Encoding::Zstd, Encoding::Br, Encoding::Gzip],
            level: Level::Fast,
        },
        // Decoding what was compressed a moment ago would gain nothing.
        code: CodeOptions::Raw,
        cpu: Cpu::Native,
        modified: source_date()?,
        progress: Progress::for_stderr(false),
    };
    Ok(serve_folder(&options, &settings)?)
}

fn sorted(mut encodings: Vec<Encoding>) -> Vec<Encoding> {
    encodings.sort();
    encodings.dedup();
    encodings
}

/// The date of all assets, if `SOURCE_DATE_EPOCH` gives one.
fn source_date() -> Result<Option<u64>, CommandError> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => match value.parse() {
            // The last second that an HTTP date can name.
            Ok(seconds) if seconds <= 253_402_300_799 => Ok(Some(seconds)),
            _ => Err(CommandError::SourceDate { value }),
        },
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(value)) => Err(CommandError::SourceDate {
            value: value.to_string_lossy().into_owned(),
        }),
    }
}

impl From<LayoutArg> for Layout {
    fn from(layout: LayoutArg) -> Self {
        match layout {
            LayoutArg::Site => Self::Site,
            LayoutArg::Project => Self::Project,
        }
    }
}

impl From<CpuArg> for Cpu {
    fn from(cpu: CpuArg) -> Self {
        match cpu {
            CpuArg::Baseline => Self::Baseline,
            CpuArg::Native => Self::Native,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_folder_needs_no_command() {
        let arguments = Arguments::parse_from(["wws", "./bundle", "-p", "0"]);
        assert!(arguments.command.is_none());
        assert_eq!(arguments.serve.site, PathBuf::from("./bundle"));
        let arguments = Arguments::parse_from(["wws", "bundle", "site", "-o", "app"]);
        assert!(matches!(arguments.command, Some(Command::Bundle(_))));
    }

    #[test]
    fn an_app_or_an_image_has_to_be_asked_for() {
        let parse = |arguments: &[&str]| {
            Arguments::try_parse_from([&["wws", "bundle", "site"], arguments].concat())
        };
        for wrong in [
            &[][..],
            &["--sbom", "s"],
            &["-o", "app", "--oci-name", "shop"],
            &["--oci", "i", "--oci-name", "Shop"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        let full = [
            "--oci",
            "i.tar",
            "--oci-name",
            "shop:1",
            "-o",
            "app",
            "--sbom",
            "s",
        ];
        for right in [&["-o", "app"][..], &["--oci", "i.tar"], &full] {
            assert!(parse(right).is_ok(), "{right:?}");
        }
    }
}
