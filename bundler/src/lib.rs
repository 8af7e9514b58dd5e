//! The bundling pipeline: a folder in, a bundle out.
//!
//! ```text
//! scan → survey → plan → compile → pack → executable → image (or memory, for `wws [PATH]`)
//! ```
//!
//! Each step takes what the one before it has established. Not here: serving, and anything that a
//! running app needs.

pub mod cache;
pub mod cli;
pub mod compile;
pub mod encode;
pub mod executable;
pub mod hosting;
pub mod inspect;
pub mod media_type;
pub mod outputs;
pub mod pack;
pub mod parallel;
pub mod plan;
pub mod problem;
pub mod progress;
pub mod rules;
pub mod sbom;
pub mod scan;
pub mod scripts;
pub mod serve_folder;
pub mod summary;
pub mod survey;

use std::io::{Seek, Write};
use std::path::PathBuf;
use std::time::Instant;

use bundle_format::meta::Layout;
use worker_host::{CodeTarget, Cpu};

use crate::cache::Cache;
use crate::encode::EncodeOptions;
use crate::hosting::Hosting;
use crate::outputs::{Outputs, Written};
use crate::pack::{CodeOptions, Ingredients, Packed};
use crate::progress::{Progress, Unit};
use crate::rules::PlannedRules;
use crate::summary::Summary;
use crate::survey::Survey;

/// How a site is bundled.
#[derive(Clone, Debug)]
pub struct BundleOptions {
    /// The folder.
    pub site: PathBuf,
    /// Told by what is in it, if not said.
    pub layout: Option<Layout>,
    /// Files to leave out.
    pub ignore: Vec<String>,
    /// For all paths.
    pub prefix: String,
    /// How assets are coded.
    pub encode: EncodeOptions,
    /// How native code is stored.
    pub code: CodeOptions,
    /// What native code is made for.
    pub cpu: Cpu,
    /// The date of all assets, in seconds since 1970.
    pub modified: Option<u64>,
    /// What is shown meanwhile.
    pub progress: Progress,
}

/// Why a site was not bundled.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The folder, or names in it.
    #[error(transparent)]
    Scan(#[from] scan::ScanError),
    /// What its files are, or their routes.
    #[error(transparent)]
    Problems(#[from] problem::Problems),
    /// No compiler for this machine.
    #[error(transparent)]
    Compiler(#[from] compile::CompilerError),
    /// The bundle.
    #[error(transparent)]
    Pack(#[from] pack::PackError),
    /// The app.
    #[error(transparent)]
    Write(#[from] executable::WriteError),
}

/// Bundles a site into an executable, an image, or both.
pub fn bundle(options: &BundleOptions, outputs: &Outputs) -> Result<Summary, BundleError> {
    let begin = Instant::now();
    outputs.check(&options.site)?;
    let prepared = Prepared::new(options)?;
    let step = options
        .progress
        .begin("compressing", prepared.asset_bytes(), Unit::Bytes);
    let ingredients = prepared.ingredients(options);
    let (packed, written) = outputs.write(&ingredients, |bytes| step.advance(bytes))?;
    drop(step);
    Ok(Summary::new(&prepared, packed, written, begin))
}

/// Bundles a site into memory, or any other place.
pub fn bundle_into(
    options: &BundleOptions,
    out: impl Write + Seek,
) -> Result<(Summary, Packed), BundleError> {
    let begin = Instant::now();
    let prepared = Prepared::new(options)?;
    let step = options
        .progress
        .begin("compressing", prepared.asset_bytes(), Unit::Bytes);
    let packed = pack::pack(out, &prepared.ingredients(options), |bytes| {
        step.advance(bytes)
    })?;
    drop(step);
    let summary = Summary::new(&prepared, packed, Written::default(), begin);
    Ok((summary, packed))
}

/// Everything that is decided before the first byte is written.
struct Prepared {
    survey: Survey,
    plan: plan::Plan,
    rules: PlannedRules,
    hosting: Hosting,
    compiled: compile::CompiledSite,
}

impl Prepared {
    fn new(options: &BundleOptions) -> Result<Self, BundleError> {
        let ignore = scan::ignore_patterns(&options.ignore).map_err(scan::ScanError::from)?;
        let files = scan::scan(&options.site, &ignore)?;
        let mut problems = Vec::new();
        let survey = survey::survey(&options.site, files, options.layout, &mut problems)?;
        let html = survey.rules.site.html;
        let plan = plan::plan(&survey.assets, &survey.workers, html, &mut problems);
        let rules = rules::plan_rules(&survey, &plan, &mut problems);
        let hosting = Hosting::of_workers(&survey.workers);
        let compiled = match survey.workers.as_slice() {
            [] => compile::CompiledSite::default(),
            workers => {
                let step = options
                    .progress
                    .begin("compiling", workers.len() as u64, Unit::Workers);
                let cache = Cache::of_user();
                let done = |_: &_| step.advance(1);
                let target = CodeTarget {
                    cpu: options.cpu,
                    concurrency: hosting.concurrency(),
                };
                compile::compile(workers, target, &cache, &mut problems, done)?
            }
        };
        problem::Problems::check(problems)?;
        Ok(Self {
            survey,
            plan,
            rules,
            hosting,
            compiled,
        })
    }

    fn asset_bytes(&self) -> u64 {
        self.survey
            .assets
            .iter()
            .map(|asset| asset.file.length)
            .sum()
    }

    fn ingredients<'i>(&'i self, options: &'i BundleOptions) -> Ingredients<'i> {
        Ingredients {
            site: &options.site,
            survey: &self.survey,
            plan: &self.plan,
            rules: &self.rules,
            hosting: self.hosting,
            compiled: &self.compiled,
            cpu: options.cpu,
            encode: options.encode.clone(),
            code: options.code,
            prefix: options.prefix.clone(),
            modified: options.modified,
        }
    }
}
