//! The modules of a script: how specifiers lead to them, and how each kind is evaluated.
//!
//! QuickJS knows ECMAScript modules. A JSON module becomes one that parses its text; a CommonJS
//! module becomes one that runs it, once, through a registry that `require` uses too.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::{Rc, Weak};

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{
    Array, Ctx, Error, Exception, Function, Module, Object, Persistent, Promise, Runtime, Value,
};
use script_abi::{Mapping, ModuleKind, Script, original_position};

use crate::native::sloppy;
use crate::realm::Shared;

/// The module that CommonJS modules are reached through.
const COMMON_JS: &str = "wws:commonjs";

/// What a module is imported by in generated text: this, and its name.
const BY_NAME: &str = "wws:module:";

/// The modules of a script.
#[derive(Default)]
pub(crate) struct Graph {
    modules: Vec<Loaded>,
    by_name: BTreeMap<String, usize>,
}

struct Loaded {
    name: String,
    kind: Kind,
    source: String,
    imports: BTreeMap<String, u32>,
    mappings: Vec<Mapping>,
}

enum Kind {
    Esm,
    CommonJs {
        exports: Vec<String>,
        es_module: bool,
    },
    Json,
}

impl Graph {
    pub(crate) fn new(script: &Script<'_>) -> Self {
        let loaded = |module: &script_abi::Module<'_>| Loaded {
            name: module.name.clone().into_owned(),
            kind: match &module.kind {
                ModuleKind::Esm => Kind::Esm,
                ModuleKind::CommonJs { exports, es_module } => Kind::CommonJs {
                    exports: exports
                        .iter()
                        .map(|name| name.clone().into_owned())
                        .collect(),
                    es_module: *es_module,
                },
                ModuleKind::Json => Kind::Json,
            },
            source: module.source.clone().into_owned(),
            imports: module
                .imports
                .iter()
                .map(|(specifier, place)| (specifier.clone().into_owned(), *place))
                .collect(),
            mappings: module.mappings.clone(),
        };
        let modules: Vec<_> = script.modules.iter().map(loaded).collect();
        let names = modules.iter().enumerate();
        Self {
            by_name: names
                .map(|(place, module)| (module.name.clone(), place))
                .collect(),
            modules,
        }
    }

    /// A stack with the positions of the author's files.
    pub(crate) fn map_stack(&self, stack: &str) -> String {
        // Frames of the prelude say nothing to the author of a script.
        let foreign = ["(wws:", "at wws:", "at call (native)", "at apply (native)"];
        let is_own = |line: &&str| !foreign.iter().any(|part| line.contains(part));
        let own = stack.lines().filter(is_own);
        let lines = own.map(|line| match self.position(line) {
            Some(found) if found.is_mapped => {
                let (before, after) = (&line[..found.begin], &line[found.end..]);
                format!(
                    "{before}{}:{}:{}{after}",
                    found.module, found.line, found.column
                )
            }
            _ => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The first place of a stack that lies in a module of the script.
    pub(crate) fn first_position(&self, stack: &str) -> Option<(String, u32, u32)> {
        let found = stack.lines().find_map(|line| self.position(line))?;
        Some((found.module.to_owned(), found.line, found.column))
    }

    /// The `module:line:column` in a line of a stack.
    fn position<'l>(&self, line: &'l str) -> Option<Found<'l>> {
        let end = line.trim_end().trim_end_matches(')').len();
        let (rest, column) = line[..end].rsplit_once(':')?;
        let (rest, row) = rest.rsplit_once(':')?;
        let begin = rest
            .rfind('(')
            .map(|at| at + 1)
            .or_else(|| Some(rest.find("at ")? + 3))?;
        let module = &rest[begin..];
        let loaded = self.modules.get(*self.by_name.get(module)?)?;
        let (generated, column) = (row.parse().ok()?, column.parse().ok()?);
        let (line, column) = original_position(&loaded.mappings, generated, column);
        Some(Found {
            module,
            line,
            column,
            begin,
            end,
            is_mapped: !loaded.mappings.is_empty(),
        })
    }

    /// The ECMAScript modules that a CommonJS module can come to require, by way of others.
    fn required_esm(&self, place: usize) -> Vec<&str> {
        let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
        let mut left = vec![place];
        while let Some(module) = left.pop().and_then(|place| self.modules.get(place)) {
            let targets = module
                .imports
                .values()
                .filter_map(|&target| usize::try_from(target).ok());
            for target in targets {
                match self.modules.get(target) {
                    Some(esm) if matches!(esm.kind, Kind::Esm) => {
                        found.insert(esm.name.as_str());
                    }
                    Some(other) if matches!(other.kind, Kind::CommonJs { .. }) => {
                        if seen.insert(target) {
                            left.push(target);
                        }
                    }
                    _ => {}
                }
            }
        }
        found.into_iter().collect()
    }

    fn resolve(&self, base: &str, specifier: &str) -> Option<&str> {
        if specifier == COMMON_JS {
            return Some(COMMON_JS);
        }
        if let Some(name) = specifier.strip_prefix(BY_NAME) {
            return self
                .by_name
                .get_key_value(name)
                .map(|(name, _)| name.as_str());
        }
        let base = self.modules.get(*self.by_name.get(base)?)?;
        let place = *base.imports.get(specifier)?;
        self.modules
            .get(place as usize)
            .map(|module| module.name.as_str())
    }
}

/// A place in a line of a stack.
struct Found<'l> {
    module: &'l str,
    line: u32,
    column: u32,
    begin: usize,
    end: usize,
    is_mapped: bool,
}

/// Has modules looked up in the graph.
pub(crate) fn install(runtime: &Runtime, shared: &Rc<Shared>) {
    runtime.set_loader(
        InGraph(Rc::downgrade(shared)),
        InGraph(Rc::downgrade(shared)),
    );
}

struct InGraph(Weak<Shared>);

impl Resolver for InGraph {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<String> {
        let shared = self
            .0
            .upgrade()
            .ok_or_else(|| Error::new_resolving(base, name))?;
        let graph = shared.graph.borrow();
        match graph.resolve(base, name) {
            Some(name) => Ok(name.to_owned()),
            None => {
                let message = format!(
                    "{base} imports {name:?}, which was not found when the site was bundled: only \
                     specifiers that are written out can be imported"
                );
                Err(Exception::throw_type(ctx, &message))
            }
        }
    }
}

impl Loader for InGraph {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<Module<'js, Declared>> {
        let shared = self.0.upgrade().ok_or_else(|| Error::new_loading(name))?;
        if name == COMMON_JS {
            let source = "export default globalThis[Symbol.for(\"wws:require\")];";
            return Module::declare(ctx.clone(), name, source);
        }
        let source = {
            let graph = shared.graph.borrow();
            let place = graph.by_name.get(name).copied();
            esm_source(ctx, &graph, place.ok_or_else(|| Error::new_loading(name))?)?
        };
        let module = Module::declare(ctx.clone(), name, source)?;
        module.meta()?.set("url", format!("file:///{name}"))?;
        Ok(module)
    }
}

/// The module at a place as an ECMAScript module.
fn esm_source(ctx: &Ctx<'_>, graph: &Graph, place: usize) -> rquickjs::Result<String> {
    let module = graph
        .modules
        .get(place)
        .ok_or_else(|| Exception::throw_message(ctx, "there is no such module"))?;
    let quoted = |text: &str| -> rquickjs::Result<String> {
        let quoted = ctx.json_stringify(text)?;
        Ok(quoted
            .map(|text| text.to_string())
            .transpose()?
            .unwrap_or_default())
    };
    Ok(match &module.kind {
        Kind::Esm => module.source.clone(),
        Kind::Json => format!("export default JSON.parse({});", quoted(&module.source)?),
        Kind::CommonJs { exports, es_module } => {
            let mut source = format!("import require from {COMMON_JS:?};\n");
            // `require` cannot wait: what it may lead to is evaluated before.
            for (number, name) in graph.required_esm(place).into_iter().enumerate() {
                let (specifier, name) = (quoted(&format!("{BY_NAME}{name}"))?, quoted(name)?);
                source.push_str(&format!(
                    "import * as $esm{number} from {specifier};\nrequire.provide({name}, \
                     $esm{number});\n"
                ));
            }
            let name = quoted(&module.name)?;
            source.push_str(&format!("const exports = require({name});\n"));
            // As bundlers do: what was an ECMAScript module once keeps its own default.
            source.push_str(match es_module {
                true => {
                    "const value = exports && exports.__esModule && \"default\" in exports ? \
                     exports.default : exports;\nexport default value;\n"
                }
                false => "export default exports;\n",
            });
            for (place, name) in exports.iter().enumerate() {
                source.push_str(&format!(
                    "const $wws{place} = exports?.{name};\nexport {{ $wws{place} as {name} }};\n"
                ));
            }
            source
        }
    })
}

/// An evaluation that has begun.
pub(crate) struct Outcome {
    promise: Persistent<Promise<'static>>,
    module: Persistent<Object<'static>>,
}

impl Outcome {
    /// Whether it has ended, and how: after an error the exception is there to be caught.
    pub(crate) fn ended(&self, ctx: &Ctx<'_>) -> Option<Result<(), ()>> {
        let promise = self.promise.clone().restore(ctx).ok()?;
        Some(promise.result::<Value<'_>>()?.map(drop).map_err(drop))
    }

    /// What the entry exports as `default`.
    pub(crate) fn default_export<'js>(&self, ctx: &Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        let namespace = self.module.clone().restore(ctx)?;
        match namespace.contains_key("default")? {
            true => namespace.get("default"),
            false => Ok(Value::new_undefined(ctx.clone())),
        }
    }
}

/// Begins to evaluate the entry.
pub(crate) fn begin<'js>(ctx: &Ctx<'js>, shared: &Rc<Shared>) -> rquickjs::Result<Outcome> {
    install_require(ctx, shared)?;
    let (name, source) = {
        let graph = shared.graph.borrow();
        let source = esm_source(ctx, &graph, 0)?;
        (
            graph
                .modules
                .first()
                .map(|entry| entry.name.clone())
                .unwrap_or_default(),
            source,
        )
    };
    let module = Module::declare(ctx.clone(), name.as_str(), source)?;
    module.meta()?.set("url", format!("file:///{name}"))?;
    let (module, promise) = module.eval()?;
    Ok(Outcome {
        promise: Persistent::save(ctx, promise),
        module: Persistent::save(ctx, module.namespace()?),
    })
}

/// The registry of CommonJS modules, as a function from a name to what the module exports.
const REGISTRY: &str = r#"(function (lookup, compile) {
  const cache = new Map();
  const provided = new Map();
  function load(name) {
    let module = cache.get(name);
    if (module === undefined) {
      module = { exports: {}, id: name, loaded: false };
      cache.set(name, module);
      try {
        const [kind, specifiers, names] = lookup(name);
        if (kind === "json") {
          module.exports = JSON.parse(compile(name));
        } else if (kind === "esm") {
          const namespace = provided.get(name);
          if (namespace === undefined) {
            throw new TypeError(`${name} is an ECMAScript module that has not been evaluated yet`);
          }
          // As other hosts do, so that compiled code finds its default export.
          Object.defineProperty(module.exports, "__esModule", { value: true });
          for (const key of Object.keys(namespace)) {
            Object.defineProperty(module.exports, key, { enumerable: true, get: () => namespace[key] });
          }
        } else {
          const targets = new Map(specifiers.map((specifier, place) => [specifier, names[place]]));
          const require = (specifier) => {
            const target = targets.get(specifier);
            if (target === undefined) {
              throw new TypeError(`${name} requires ${JSON.stringify(specifier)}, which was not found when the site was bundled`);
            }
            return load(target);
          };
          const folder = name.slice(0, Math.max(name.lastIndexOf("/"), 0));
          compile(name).call(module.exports, module.exports, require, module, name, folder);
        }
      } catch (error) {
        cache.delete(name);
        throw error;
      }
      module.loaded = true;
    }
    return module.exports;
  }
  load.provide = (name, namespace) => provided.set(name, namespace);
  return load;
})"#;

fn install_require<'js>(ctx: &Ctx<'js>, shared: &Rc<Shared>) -> rquickjs::Result<()> {
    let has_common_js = |module: &Loaded| matches!(module.kind, Kind::CommonJs { .. });
    if !shared.graph.borrow().modules.iter().any(has_common_js) {
        return Ok(());
    }
    let of = Rc::clone(shared);
    let lookup = Function::new(ctx.clone(), move |ctx: Ctx<'js>, name: String| {
        lookup(&ctx, &of.graph.borrow(), &name)
    })?;
    let of = Rc::clone(shared);
    let compile = Function::new(ctx.clone(), move |ctx: Ctx<'js>, name: String| {
        let source = common_js_source(&of.graph.borrow(), &name);
        match source {
            Some((source, true)) => ctx.eval_with_options(source, sloppy(&name)),
            Some((text, false)) => {
                rquickjs::String::from_str(ctx, &text).map(rquickjs::String::into_value)
            }
            None => Err(Error::new_loading(&name)),
        }
    })?;
    let registry: Function<'js> = ctx.eval_with_options(REGISTRY, sloppy("wws"))?;
    let load: Value<'js> = registry.call((lookup, compile))?;
    let key: Value<'js> = ctx.eval("Symbol.for(\"wws:require\")")?;
    let define: Function<'js> = ctx.eval(
        "(key, value) => Object.defineProperty(globalThis, key, { value, enumerable: false })",
    )?;
    define.call((key, load))
}

/// `[kind, specifiers, names]` of a module.
fn lookup<'js>(ctx: &Ctx<'js>, graph: &Graph, name: &str) -> rquickjs::Result<Array<'js>> {
    let module = graph
        .by_name
        .get(name)
        .and_then(|place| graph.modules.get(*place));
    let module = module.ok_or_else(|| Error::new_loading(name))?;
    let kind = match module.kind {
        Kind::Esm => "esm",
        Kind::CommonJs { .. } => "commonjs",
        Kind::Json => "json",
    };
    let (specifiers, names) = (Array::new(ctx.clone())?, Array::new(ctx.clone())?);
    for (place, (specifier, target)) in module.imports.iter().enumerate() {
        let target = graph.modules.get(*target as usize);
        specifiers.set(place, specifier.as_str())?;
        names.set(place, target.map(|module| module.name.as_str()))?;
    }
    let found = Array::new(ctx.clone())?;
    found.set(0, kind)?;
    found.set(1, specifiers)?;
    found.set(2, names)?;
    Ok(found)
}

/// The source of a CommonJS module as a function expression, or the text of a JSON one.
fn common_js_source(graph: &Graph, name: &str) -> Option<(String, bool)> {
    let module = graph.modules.get(*graph.by_name.get(name)?)?;
    Some(match module.kind {
        Kind::Json => (module.source.clone(), false),
        _ => {
            let head = "(function (exports, require, module, __filename, __dirname) {";
            (format!("{head}{}\n}})", module.source), true)
        }
    })
}
