//! Scripts: which files are, and what each consists of.
//!
//! A script is read with all that it imports. One that answers no requests itself but is imported
//! by another is a part of that one, and no worker.

use std::collections::BTreeSet;
use std::path::Path;

use globset::GlobBuilder;
use module_graph::{Module, ModuleGraph, ModuleKind};
use script_abi::{Script, Variable};
use site_config::{BodyForm, VarValue, WorkerConfig};

use crate::parallel::in_order;
use crate::problem::Problem;
use crate::scan::SourceFile;
use crate::survey::{Program, WorkerFile};

/// A file that may be a worker.
#[derive(Clone, Debug)]
pub struct ScriptFile {
    /// The file.
    pub file: SourceFile,
    /// What the TOML file beside it says.
    pub config: WorkerConfig,
}

/// The scripts of a site, read.
#[derive(Debug, Default)]
pub struct Scripts {
    /// Those that answer requests.
    pub workers: Vec<WorkerFile>,
    /// All files that they import.
    pub imported: BTreeSet<String>,
    /// What the user may not expect.
    pub notes: Vec<String>,
}

/// TypeScript files that only declare types.
pub fn is_declaration(name: &str) -> bool {
    [".d.ts", ".d.mts", ".d.cts"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// The names that a pattern of `wws.toml` matches, or what is wrong with it.
pub fn matching<'n>(
    glob: &str,
    names: impl IntoIterator<Item = &'n String>,
) -> Result<Vec<String>, String> {
    let pattern = GlobBuilder::new(glob).literal_separator(true).build();
    let matcher = pattern
        .map_err(|error| error.to_string())?
        .compile_matcher();
    let matches = |name: &&String| matcher.is_match(name) && !is_declaration(name);
    let found: Vec<String> = names.into_iter().filter(matches).cloned().collect();
    match found.is_empty() {
        true => Err(format!("no file of the site matches {glob:?}")),
        false => Ok(found),
    }
}

/// Reads all scripts. What is wrong with them goes to `problems`.
pub fn read(root: &Path, files: Vec<ScriptFile>, problems: &mut Vec<Problem>) -> Scripts {
    let mut graphs = Vec::with_capacity(files.len());
    let collect = |(): &mut (), file: &ScriptFile| module_graph::collect(root, &file.file.name);
    let collected = in_order(
        &files,
        || (),
        collect,
        |_, graph| {
            graphs.push(graph);
            Ok::<_, std::convert::Infallible>(())
        },
    );
    match collected {
        Ok(()) => {}
        Err(never) => match never {},
    }
    let mut scripts = Scripts::default();
    for graph in graphs.iter().flatten() {
        let imported = graph.modules.iter().skip(1);
        scripts
            .imported
            .extend(imported.map(|module| module.name.clone()));
    }
    for (ScriptFile { file, config }, graph) in files.into_iter().zip(graphs) {
        match graph {
            Ok(graph) if answers_requests(&graph) || !scripts.imported.contains(&file.name) => {
                let program = Program::Script(graph);
                scripts.workers.push(WorkerFile {
                    file,
                    program,
                    config,
                });
            }
            Ok(_) => scripts.notes.push(format!(
                "{} answers no requests itself: it is a part of the scripts that import it",
                file.name
            )),
            Err(found) => problems.extend(found.into_iter().map(Problem::from)),
        }
    }
    scripts
}

fn answers_requests(graph: &ModuleGraph) -> bool {
    graph
        .modules
        .first()
        .is_some_and(|entry| entry.is_entry_like)
}

/// A script as the engine takes it.
pub fn for_engine<'g>(graph: &'g ModuleGraph, config: &'g WorkerConfig) -> Script<'g> {
    let variable = |(name, value): &'g (String, VarValue)| Variable {
        name: name.as_str().into(),
        value: match value {
            VarValue::Literal(text) => Some(text.as_str().into()),
            VarValue::Environment { .. } => None,
        },
    };
    Script {
        modules: graph.modules.iter().map(module_for_engine).collect(),
        variables: config.vars.iter().map(variable).collect(),
        body_text: config.body.is_some_and(|body| body.value == BodyForm::Text),
    }
}

fn module_for_engine(module: &Module) -> script_abi::Module<'_> {
    script_abi::Module {
        name: module.name.as_str().into(),
        kind: match &module.kind {
            ModuleKind::Esm => script_abi::ModuleKind::Esm,
            ModuleKind::Json => script_abi::ModuleKind::Json,
            ModuleKind::CommonJs { exports, es_module } => script_abi::ModuleKind::CommonJs {
                exports: exports.iter().map(|name| name.as_str().into()).collect(),
                es_module: *es_module,
            },
        },
        source: module.source.as_str().into(),
        imports: module
            .imports
            .iter()
            .map(|(specifier, place)| (specifier.as_str().into(), *place))
            .collect(),
        mappings: module.mappings.clone(),
    }
}

/// What kept a script from being evaluated, at its place in the author's file.
pub fn refused(graph: &ModuleGraph, refusal: &script_abi::Refusal<'_>) -> Problem {
    let entry = graph.modules.first();
    let name = entry.map_or("", |entry| entry.name.as_str());
    let (message, stack) = refusal
        .message
        .split_once('\n')
        .unwrap_or((&refusal.message, ""));
    let Some(position) = &refusal.position else {
        if !refusal.lacks_handler {
            return Problem::new(name, refusal.message.clone());
        }
        let message = format!(
            "{}. If it is no worker, move it into a folder whose name begins with _, or leave it out \
             with --ignore",
            refusal.message
        );
        return Problem::new(name, message);
    };
    let module = graph
        .modules
        .iter()
        .find(|module| module.name == position.module);
    let message = message.to_owned();
    match module {
        Some(module) => {
            let found = module.problem_at(position.line, position.column, message);
            let mut problem = Problem::from(found);
            // Where the first frame is all there is, the position has said it already.
            if stack.lines().count() > 1 {
                problem.message.push('\n');
                problem.message.push_str(stack);
            }
            problem
        }
        None => Problem::new(name, message),
    }
}
