//! What modules take from each other.
//!
//! The engine wants to know the names of a CommonJS module before it runs; guessed are those of
//! its text, of the modules it passes on, and all that others import from it: an import of a name
//! that is never set is undefined, as in other bundlers.

use std::collections::BTreeSet;

use crate::commonjs::is_exportable;
use crate::compile::Compiled;
use crate::facts::{Syntax, Taken};
use crate::position::{Lines, number};
use crate::problem::Problem;
use crate::suggest::nearest;
use crate::walk::{Content, Loaded};
use crate::{Module, ModuleKind};

/// Up to so many exports are named when one is missing.
const NAMED_MAX: usize = 8;

/// The names that are imported from a module which does not export them.
pub(crate) fn problems(loaded: &[Loaded]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for module in loaded {
        let mut lines = None;
        for (taken, target) in taken(module) {
            let place = Place {
                loaded,
                place: target,
            };
            if !matches!(place.find(&taken.name), Found::No) {
                continue;
            }
            let lines = lines.get_or_insert_with(|| Lines::new(&module.text));
            let message = place.missing(&taken.name);
            problems.push(Problem::at(&module.name, lines, taken.at, message));
        }
    }
    problems
}

/// The graph of files that have no problems.
pub(crate) fn modules(loaded: Vec<Loaded>) -> Vec<Module> {
    let kinds: Vec<ModuleKind> = kinds(&loaded);
    loaded
        .into_iter()
        .zip(kinds)
        .map(|(loaded, kind)| module(loaded, kind))
        .collect()
}

fn module(loaded: Loaded, kind: ModuleKind) -> Module {
    let Loaded {
        name,
        text: original,
        content,
        targets,
    } = loaded;
    let mut imports: Vec<(String, u32)> = Vec::new();
    // Sorted by specifier, and then `import` before `require`.
    for ((specifier, _), place) in targets {
        if imports.last().is_none_or(|(last, _)| *last != specifier) {
            imports.push((specifier, number(place)));
        }
    }
    let (mut output, mut is_entry_like) = (None, false);
    if let Content::Script(script) = content {
        is_entry_like = script.facts.adds_listener
            || script.facts.exports.contains("default")
            || script.commonjs.is_some_and(|commonjs| commonjs.has_default);
        output = script.output;
    }
    let (source, mappings) = output.unwrap_or_else(|| (original.clone(), Vec::new()));
    Module {
        name,
        kind,
        source,
        mappings,
        original,
        imports,
        is_entry_like,
    }
}

fn kinds(loaded: &[Loaded]) -> Vec<ModuleKind> {
    let kind = |place: usize| match &loaded[place].content {
        Content::Script(script) if script.commonjs.is_some() => {
            let mut exports = BTreeSet::new();
            let es_module = Place { loaded, place }.commonjs_names(&mut exports);
            Some((exports, es_module))
        }
        _ => None,
    };
    let mut commonjs: Vec<Option<(BTreeSet<String>, bool)>> = (0..loaded.len()).map(kind).collect();
    for (taken, target) in loaded.iter().flat_map(taken) {
        if let Found::Maybe(places) = (Place {
            loaded,
            place: target,
        })
        .find(&taken.name)
            && is_exportable(&taken.name)
        {
            let has_name = |place: &usize| {
                commonjs[*place]
                    .as_ref()
                    .is_some_and(|(names, _)| names.contains(&taken.name))
            };
            // A name that two modules of `export *` have is exported by neither.
            if !places.iter().any(has_name)
                && let Some(&first) = places.first()
                && let Some((names, _)) = &mut commonjs[first]
            {
                names.insert(taken.name.clone());
            }
        }
    }
    let kind = |(file, commonjs): (&Loaded, Option<(BTreeSet<String>, bool)>)| match commonjs {
        Some((exports, es_module)) => ModuleKind::CommonJs {
            exports: exports.into_iter().collect(),
            es_module,
        },
        None if matches!(file.content, Content::Script(_)) => ModuleKind::Esm,
        None => ModuleKind::Json,
    };
    loaded.iter().zip(commonjs).map(kind).collect()
}

/// The names that a module takes, and the places of the modules it takes them from.
fn taken(module: &Loaded) -> impl Iterator<Item = (&Taken, usize)> {
    let script = script(module);
    let taken = script.into_iter().flat_map(|script| &script.facts.taken);
    taken.filter_map(|taken| {
        let target = target(module, &taken.specifier, Syntax::Import)?;
        Some((taken, target))
    })
}

fn script(module: &Loaded) -> Option<&Compiled> {
    match &module.content {
        Content::Script(script) => Some(script),
        Content::Json | Content::Bad => None,
    }
}

fn target(module: &Loaded, specifier: &str, syntax: Syntax) -> Option<usize> {
    module.targets.get(&(specifier.to_owned(), syntax)).copied()
}

/// Whether a module exports a name.
enum Found {
    Yes,
    No,
    /// It is up to these CommonJS modules.
    Maybe(Vec<usize>),
}

/// A module among the others.
#[derive(Clone, Copy)]
struct Place<'l> {
    loaded: &'l [Loaded],
    place: usize,
}

impl<'l> Place<'l> {
    fn module(self) -> &'l Loaded {
        &self.loaded[self.place]
    }

    /// This module, and all those whose names it exports with `export *`, without those that have
    /// problems; none if one of them cannot be known.
    fn with_stars(self) -> Option<Vec<Self>> {
        let mut places = vec![self];
        let mut seen = BTreeSet::from([self.place]);
        let mut next = 0;
        while let Some(&here) = places.get(next) {
            next += 1;
            let stars = script(here.module())?.facts.stars.iter();
            for star in stars {
                let place = target(here.module(), star, Syntax::Import)?;
                if seen.insert(place) {
                    places.push(Place { place, ..here });
                }
            }
        }
        Some(places)
    }

    fn find(self, name: &str) -> Found {
        if matches!(self.module().content, Content::Json | Content::Bad) {
            return Found::Yes;
        }
        let Some(mut places) = self.with_stars() else {
            return Found::Yes;
        };
        if name == "default" {
            // `export *` leaves it out.
            places.truncate(1);
        }
        let mut unknown = Vec::new();
        for place in places {
            match script(place.module()) {
                Some(script) if script.facts.exports.contains(name) => return Found::Yes,
                Some(script) if script.commonjs.is_some() => unknown.push(place.place),
                _ => {}
            }
        }
        if unknown.is_empty() {
            Found::No
        } else {
            Found::Maybe(unknown)
        }
    }

    /// Why `name` cannot be imported from here.
    fn missing(self, name: &str) -> String {
        let file = &self.module().name;
        let places = self.with_stars().unwrap_or_default();
        let scripts = || places.iter().filter_map(|place| script(place.module()));
        let names: BTreeSet<&str> = scripts()
            .flat_map(|script| &script.facts.exports)
            .map(String::as_str)
            .collect();
        let is_type = |script: &Compiled| script.types.iter().any(|known| known == name);
        if scripts().any(is_type) {
            return format!(
                "{name} is only a type in {file}; write `import type` or `export type`"
            );
        }
        let what = match name {
            "default" => format!("{file} has no default export"),
            _ => format!("{file} exports no {name}"),
        };
        let others = names.iter().copied().filter(|other| *other != "default");
        if let Some(near) = nearest(name, others) {
            return format!("{what}; did you mean {near}?");
        }
        let mut listed: Vec<&str> = names.iter().copied().take(NAMED_MAX).collect();
        if names.len() > NAMED_MAX {
            listed.push("…");
        }
        match listed.is_empty() {
            true => format!("{what}; it exports nothing"),
            false => format!("{what}; it exports {}", listed.join(", ")),
        }
    }

    /// Adds the names that a CommonJS module exports, and says whether it was an ECMAScript
    /// module.
    fn commonjs_names(self, names: &mut BTreeSet<String>) -> bool {
        let mut waiting = vec![(self, true)];
        let mut seen = BTreeSet::from([self.place]);
        let mut is_es_module = false;
        while let Some((here, is_whole)) = waiting.pop() {
            let Some(script) = script(here.module()) else {
                continue;
            };
            let Some(commonjs) = &script.commonjs else {
                let places = here.with_stars().unwrap_or_default();
                let scripts = places
                    .iter()
                    .filter_map(|place| self::script(place.module()));
                let exports = scripts.flat_map(|script| &script.facts.exports);
                names.extend(exports.filter(|name| is_exportable(name)).cloned());
                is_es_module |= is_whole;
                continue;
            };
            names.extend(commonjs.names.iter().cloned());
            is_es_module |= is_whole && commonjs.is_es_module;
            for reexport in &commonjs.reexports {
                let place = target(here.module(), &reexport.specifier, Syntax::Require);
                if let Some(place) = place.filter(|place| seen.insert(*place)) {
                    waiting.push((Place { place, ..here }, is_whole && reexport.is_whole));
                }
            }
        }
        is_es_module
    }
}
