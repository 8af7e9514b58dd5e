//! What JSX becomes.

use std::path::Path;

use oxc::ast::ast::Program;
use oxc::span::GetSpan;
use oxc::transformer::{JsxOptions, JsxRuntime, TransformOptions};
use oxc_resolver::{CompilerOptions, TsConfig};

use crate::facts::Syntax;
use crate::resolve::Resolver;

/// Where elements come from if no configuration says so; the first that is installed.
const SOURCES: [&str; 2] = ["preact", "react"];

/// How JSX is compiled, as tsconfig.json says it. Pragmas in the file go before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Jsx {
    /// Elements are made by functions that are imported from here: `<source>/jsx-runtime`.
    Automatic { source: String },
    /// Elements are made by functions that the file imports itself.
    Classic {
        factory: Option<String>,
        fragment: Option<String>,
    },
}

/// What comments at the top of a file say about its JSX. The compiler reads them itself, but not
/// what follows from them for the way of compiling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pragmas {
    has_source: bool,
    has_factory: bool,
}

impl Pragmas {
    pub(crate) fn of(program: &Program<'_>) -> Self {
        let body = program
            .body
            .first()
            .map_or(u32::MAX, |statement| statement.span().start);
        let comments = program
            .comments
            .iter()
            .take_while(|comment| comment.span.end <= body);
        let texts = comments.map(|comment| comment.content_span().source_text(program.source_text));
        let words: Vec<&str> = texts.flat_map(str::split_whitespace).collect();
        let has = |pragma| words.contains(&pragma);
        if has("@jsxRuntime") {
            return Self::default();
        }
        Self {
            has_source: has("@jsxImportSource"),
            has_factory: has("@jsx"),
        }
    }
}

impl Jsx {
    /// What is right for a file.
    pub(crate) fn of(
        file: &Path,
        pragmas: Pragmas,
        config: Option<&TsConfig>,
        resolver: &Resolver,
    ) -> Self {
        let options = config.map(|config| &config.compiler_options);
        if pragmas.has_source {
            // The compiler puts the source of the pragma in its place.
            return Self::Automatic {
                source: SOURCES[0].to_owned(),
            };
        }
        if pragmas.has_factory {
            return Self::Classic {
                factory: None,
                fragment: None,
            };
        }
        if let Some(CompilerOptions {
            jsx: Some(jsx),
            jsx_factory,
            jsx_fragment_factory,
            ..
        }) = options
            && jsx == "react"
        {
            let (factory, fragment) = (jsx_factory.clone(), jsx_fragment_factory.clone());
            return Self::Classic { factory, fragment };
        }
        if let Some(source) = options.and_then(|options| options.jsx_import_source.clone()) {
            return Self::Automatic { source };
        }
        let is_there = |source: &&str| {
            let runtime = format!("{source}/jsx-runtime");
            resolver
                .resolve(file, &runtime, Syntax::Import, config)
                .is_ok()
        };
        let source = SOURCES.into_iter().find(is_there).unwrap_or(SOURCES[1]);
        Self::Automatic {
            source: source.to_owned(),
        }
    }

    pub(crate) fn set(&self, options: &mut TransformOptions) {
        options.jsx = JsxOptions {
            throw_if_namespace: false,
            ..JsxOptions::enable()
        };
        match self {
            Self::Automatic { source } => {
                options.jsx.runtime = JsxRuntime::Automatic;
                options.jsx.import_source = Some(source.clone());
                // JSX uses no variable: an import of React only for it is left out.
                options.typescript.jsx_pragma = "".into();
                options.typescript.jsx_pragma_frag = "".into();
            }
            Self::Classic { factory, fragment } => {
                options.jsx.runtime = JsxRuntime::Classic;
                options.jsx.pragma.clone_from(factory);
                options.jsx.pragma_frag.clone_from(fragment);
                if let Some(factory) = factory.clone() {
                    options.typescript.jsx_pragma = factory.into();
                }
                if let Some(fragment) = fragment.clone() {
                    options.typescript.jsx_pragma_frag = fragment.into();
                }
            }
        }
    }
}
