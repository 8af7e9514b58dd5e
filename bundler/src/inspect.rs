//! `wws inspect APP`: what is in an app.

mod site;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bundle_format::elf::{self, ElfError};
use bundle_format::index::{Entry, EntryId, StoredCoding, Target, VariantId};
use bundle_format::meta::{VarSource, WorkerKind, WorkerRecord};
use bundle_format::{Bundle, Damage, OpenError, SiteRules};
use limits::WorkerLimits;
use outbound_rules::Rules;
use serde::Serialize;
use site::{InspectedSite, field_lines};

use crate::progress::megabytes;
use crate::summary::layout_name;

/// Why an app could not be inspected.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The file.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// As it was given.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// No app.
    #[error("{}: {reason}", path.display())]
    Elf {
        /// As it was given.
        path: PathBuf,
        /// Why.
        reason: ElfError,
    },
    /// A bundle that this version cannot read.
    #[error("{}: {reason}", path.display())]
    Open {
        /// As it was given.
        path: PathBuf,
        /// Why.
        reason: OpenError,
    },
    /// A damaged bundle.
    #[error("{}: {what}{reason}", path.display())]
    Damage {
        /// As it was given.
        path: PathBuf,
        /// Which part, with a colon behind it, or nothing.
        what: String,
        /// What is wrong with it.
        reason: Damage,
    },
}

/// What is in an app.
#[derive(Debug, Serialize)]
pub struct Inspection {
    app: PathBuf,
    app_bytes: u64,
    stub_bytes: u64,
    bundle_bytes: u64,
    wws_version: String,
    wasmtime_version: String,
    cpu: String,
    layout: &'static str,
    layout_reason: String,
    prefix: String,
    modified: Option<u64>,
    workers: Vec<InspectedWorker>,
    script_engine: Option<InspectedEngine>,
    site: InspectedSite,
    assets: Vec<InspectedAsset>,
    redirects: Vec<InspectedRedirect>,
    /// Whether every hash was checked.
    verified: bool,
}

#[derive(Debug, Serialize)]
struct InspectedWorker {
    route: String,
    source: String,
    kind: &'static str,
    /// How many requests one instance answers.
    reuse: u32,
    code_bytes: u64,
    stored_bytes: u64,
    /// Names only: a value may be a secret.
    vars: Vec<String>,
    limits: InspectedLimits,
    /// `None`: no calls at all.
    outbound: Option<InspectedOutbound>,
    kv: Option<InspectedKv>,
}

/// The calls to other servers that a worker may make.
#[derive(Debug, Serialize)]
struct InspectedOutbound {
    hosts: Vec<String>,
    /// `None`: all.
    methods: Option<Vec<String>>,
    allow_http: bool,
    allow_private: bool,
    time: String,
    connect: String,
    response: String,
    calls: u32,
}

#[derive(Debug, Serialize)]
struct InspectedKv {
    namespace: String,
    /// Whether a request may be run again after a conflict.
    retry: bool,
    snapshot: String,
}

/// What all scripts share.
#[derive(Debug, Serialize)]
struct InspectedEngine {
    code_bytes: u64,
    stored_bytes: u64,
}

#[derive(Debug, Serialize)]
struct InspectedLimits {
    time: String,
    memory: String,
    request_body: String,
    response_body: String,
    /// Told by the number of cores if not set.
    concurrency: Option<u32>,
    queue: u32,
}

#[derive(Debug, Serialize)]
struct InspectedAsset {
    path: String,
    media_type: String,
    cache: String,
    /// What the rules of the site do to its fields, as they are written in `_headers`; a `+` before what
    /// is added to what is there.
    fields: Vec<String>,
    bytes: u64,
    variants: Vec<InspectedVariant>,
}

#[derive(Debug, Serialize)]
struct InspectedVariant {
    coding: &'static str,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct InspectedRedirect {
    path: String,
    to: String,
}

/// Opens an app and lists what is in it; with `verify`, checks every hash.
pub fn inspect(path: &Path, verify: bool) -> Result<Inspection, InspectError> {
    let at = || path.to_owned();
    let file = fs::read(path).map_err(|reason| InspectError::Read { path: at(), reason })?;
    let place = elf::locate(&file).map_err(|reason| InspectError::Elf { path: at(), reason })?;
    let (app_bytes, stub_bytes) = (file.len() as u64, place.start as u64);
    let bundle = Bundle::open(bytes::Bytes::from(file).slice(place))
        .map_err(|reason| InspectError::Open { path: at(), reason })?;
    let damage = |what: String| {
        move |reason| InspectError::Damage {
            path: at(),
            what,
            reason,
        }
    };
    if verify {
        verify_index(&bundle).map_err(damage(String::new()))?;
    }
    let meta = bundle.meta();
    let rules = bundle.rules().map_err(damage(String::new()))?;
    let mut inspection = Inspection {
        app: path.to_owned(),
        app_bytes,
        stub_bytes,
        bundle_bytes: bundle.length(),
        wws_version: meta.wws_version.clone(),
        wasmtime_version: meta.engine.wasmtime.clone(),
        cpu: meta.engine.cpu.clone(),
        layout: layout_name(meta.layout),
        layout_reason: meta.layout_reason.clone(),
        prefix: meta.prefix.clone(),
        modified: meta.modified,
        workers: Vec::new(),
        script_engine: meta.script_engine.map(|engine| InspectedEngine {
            code_bytes: engine.code.code_bytes + engine.base.code_bytes,
            stored_bytes: engine.code.stored_bytes + engine.base.stored_bytes,
        }),
        site: InspectedSite::of(meta, &rules),
        assets: Vec::new(),
        redirects: Vec::new(),
        verified: verify,
    };
    if let (true, Some(engine)) = (verify, &meta.script_engine) {
        for record in [&engine.code, &engine.base] {
            bundle
                .code_bytes(record)
                .map_err(damage("the JavaScript engine: ".to_owned()))?;
        }
    }
    for worker in &meta.workers {
        if verify {
            bundle
                .code_bytes(&worker.code)
                .map_err(damage(format!("{}: ", worker.source)))?;
        }
        inspection.workers.push(inspect_worker(worker));
    }
    for number in 0..meta.index.entries {
        let id = EntryId(number);
        let name = bundle.path(id).map_err(damage(String::new()))?.to_owned();
        inspect_entry(&bundle, &rules, id, &name, verify, &mut inspection)
            .map_err(damage(format!("{name}: ")))?;
    }
    inspection.assets.sort_by(|a, b| a.path.cmp(&b.path));
    inspection.redirects.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(inspection)
}

fn verify_index(bundle: &Bundle) -> Result<(), Damage> {
    bundle.index().verify()
}

fn inspect_worker(worker: &WorkerRecord) -> InspectedWorker {
    let limits = worker.limits.apply(WorkerLimits::default());
    let var = |(name, source): &(String, VarSource)| match source {
        VarSource::Literal(_) => name.clone(),
        VarSource::Environment { variable, required } => {
            format!(
                "{name} from ${variable}{}",
                if *required { ", required" } else { "" }
            )
        }
    };
    InspectedWorker {
        route: worker.route.to_string(),
        source: worker.source.clone(),
        kind: match worker.kind {
            WorkerKind::CoreCommand => "core module",
            WorkerKind::ComponentCommand => "component",
            WorkerKind::HttpProxy => "wasi:http 0.2",
            WorkerKind::HttpService => "wasi:http 0.3",
            WorkerKind::Script => "script",
        },
        reuse: worker.reuse,
        code_bytes: worker.code.code_bytes,
        stored_bytes: worker.code.stored_bytes,
        vars: worker.vars.iter().map(var).collect(),
        limits: InspectedLimits {
            time: limits.time.to_string(),
            memory: limits.memory.to_string(),
            request_body: limits.request_body.to_string(),
            response_body: limits.response_body.to_string(),
            concurrency: limits.concurrency,
            queue: limits.queue,
        },
        outbound: inspect_outbound(&worker.outbound, &limits),
        kv: worker.kv.as_ref().map(|kv| InspectedKv {
            namespace: kv.namespace.clone(),
            retry: worker.may_retry(),
            snapshot: limits.kv_snapshot.to_string(),
        }),
    }
}

fn inspect_outbound(rules: &Rules, limits: &WorkerLimits) -> Option<InspectedOutbound> {
    let hosts: Vec<String> = rules.hosts.iter().map(ToString::to_string).collect();
    (!hosts.is_empty()).then(|| InspectedOutbound {
        hosts,
        methods: rules.methods.clone(),
        allow_http: rules.allow_http,
        allow_private: rules.allow_private,
        time: limits.outbound_time.to_string(),
        connect: limits.outbound_connect.to_string(),
        response: limits.outbound_response.to_string(),
        calls: limits.outbound_calls,
    })
}

fn inspect_entry(
    bundle: &Bundle,
    rules: &SiteRules,
    id: EntryId,
    path: &str,
    verify: bool,
    inspection: &mut Inspection,
) -> Result<(), Damage> {
    let path = path.to_owned();
    let entry: Entry = bundle.index().entry(id)?;
    match entry.target {
        Target::Worker { .. } => {}
        Target::Redirect { to } => {
            let to = bundle.path(to)?.to_owned();
            inspection.redirects.push(InspectedRedirect { path, to });
        }
        Target::Asset {
            content,
            media_type,
            cache,
            fields,
        } => {
            let set = fields.map(|id| rules.field_sets.get(id.place()).ok_or(Damage::Rules));
            let content = bundle.index().content(content)?;
            let mut variants = Vec::new();
            for variant in bundle.index().variants(&content) {
                let (id, variant): (VariantId, _) = variant?;
                if verify {
                    bundle.variant_bytes(id, &variant)?;
                }
                let coding = coding_name(variant.coding);
                variants.push(InspectedVariant {
                    coding,
                    bytes: variant.length,
                });
            }
            let media_type = bundle.meta().media_types.get(usize::from(media_type));
            inspection.assets.push(InspectedAsset {
                path,
                media_type: media_type.cloned().ok_or(Damage::Index)?,
                cache: format!("{cache:?}").to_lowercase(),
                fields: set.transpose()?.map(field_lines).unwrap_or_default(),
                bytes: content.length,
                variants,
            });
        }
    }
    Ok(())
}

fn coding_name(coding: StoredCoding) -> &'static str {
    match coding {
        StoredCoding::Raw => "raw",
        StoredCoding::Zstd => "zstd",
        StoredCoding::Brotli => "br",
        StoredCoding::Gzip => "gzip",
    }
}

impl std::fmt::Display for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (app, stub) = (megabytes(self.app_bytes), megabytes(self.stub_bytes));
        writeln!(f, "app      {}, {app}", self.app.display())?;
        writeln!(f, "stub     wws {}, {stub}", self.wws_version)?;
        writeln!(
            f,
            "engine   wasmtime {}, CPU {}",
            self.wasmtime_version, self.cpu
        )?;
        writeln!(f, "layout   {}: {}", self.layout, self.layout_reason)?;
        if !self.prefix.is_empty() {
            writeln!(f, "prefix   {}", self.prefix)?;
        }
        writeln!(f, "workers  {}", self.workers.len())?;
        for worker in &self.workers {
            write_worker(f, worker)?;
        }
        if let Some(InspectedEngine {
            code_bytes,
            stored_bytes,
        }) = &self.script_engine
        {
            let (code, stored) = (megabytes(*code_bytes), megabytes(*stored_bytes));
            writeln!(
                f,
                "scripts  run on one engine, {code} of native code, stored in {stored}"
            )?;
        }
        write!(f, "{}", self.site)?;
        writeln!(
            f,
            "assets   {} paths, {} redirects",
            self.assets.len(),
            self.redirects.len()
        )?;
        for asset in &self.assets {
            let variants = asset
                .variants
                .iter()
                .fold(String::new(), |mut text, variant| {
                    let _ = write!(text, " {} {}", variant.coding, variant.bytes);
                    text
                });
            let InspectedAsset {
                path,
                media_type,
                cache,
                fields,
                bytes,
                ..
            } = asset;
            writeln!(f, "  {path}  {media_type}  {cache}  {bytes} B:{variants}")?;
            fields
                .iter()
                .try_for_each(|field| writeln!(f, "    {field}"))?;
        }
        for InspectedRedirect { path, to } in &self.redirects {
            writeln!(f, "  {path} -> {to}")?;
        }
        if self.verified {
            writeln!(f, "verified every hash fits")?;
        }
        Ok(())
    }
}

fn write_worker(f: &mut std::fmt::Formatter<'_>, worker: &InspectedWorker) -> std::fmt::Result {
    let InspectedWorker {
        route,
        source,
        kind,
        reuse,
        code_bytes,
        stored_bytes,
        vars,
        limits,
        outbound,
        kv,
    } = worker;
    let (code, stored) = (megabytes(*code_bytes), megabytes(*stored_bytes));
    let what = match *kind {
        "script" => "heap",
        _ => "native code",
    };
    writeln!(
        f,
        "  {route}  {source}  {kind}  {code} of {what}, stored in {stored}"
    )?;
    if *reuse > 1 {
        writeln!(f, "    an instance answers {reuse} requests")?;
    }
    let concurrency = match limits.concurrency {
        Some(number) => number.to_string(),
        None => "4 a core".to_owned(),
    };
    writeln!(
        f,
        "    limits: time {}, memory {}, request_body {}, response_body {}, concurrency \
         {concurrency}, queue {}",
        limits.time, limits.memory, limits.request_body, limits.response_body, limits.queue
    )?;
    if let Some(outbound) = outbound {
        write_outbound(f, outbound)?;
    }
    if let Some(kv) = kv {
        let again = match kv.retry {
            true => "run again after a conflict",
            false => "never run again",
        };
        writeln!(
            f,
            "    key-value namespace {:?}, {again}, kv_snapshot {}",
            kv.namespace, kv.snapshot
        )?;
    }
    match vars.is_empty() {
        true => Ok(()),
        false => writeln!(f, "    vars: {}", vars.join(", ")),
    }
}

fn write_outbound(
    f: &mut std::fmt::Formatter<'_>,
    outbound: &InspectedOutbound,
) -> std::fmt::Result {
    let methods = match &outbound.methods {
        Some(methods) => methods.join(", "),
        None => "all methods".to_owned(),
    };
    let schemes = match outbound.allow_http {
        true => "http and https",
        false => "https",
    };
    let addresses = match outbound.allow_private {
        true => "public and private addresses",
        false => "public addresses",
    };
    writeln!(
        f,
        "    calls: {} by {schemes}, {methods}, {addresses}, outbound_time {}, \
         outbound_connect {}, outbound_response {}, outbound_calls {}",
        outbound.hosts.join(", "),
        outbound.time,
        outbound.connect,
        outbound.response,
        outbound.calls
    )
}
