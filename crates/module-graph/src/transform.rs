//! TypeScript and JSX to JavaScript.

use std::path::Path;

use oxc::allocator::Allocator;
use oxc::ast::ast::Program;
use oxc::codegen::{Codegen, CodegenOptions, CommentOptions, LegalComment};
use oxc::diagnostics::OxcDiagnostic;
use oxc::semantic::Scoping;
use oxc::transformer::{JsxOptions, Module, TransformOptions, Transformer};

use crate::jsx::Jsx;
use crate::mapping::mappings;
use script_abi::Mapping;

/// How a file is compiled.
pub(crate) struct Settings {
    /// None where the file has no JSX.
    pub(crate) jsx: Option<Jsx>,
    /// `verbatimModuleSyntax`: only `import type` is left out.
    pub(crate) keeps_imports: bool,
}

/// Compiles `program` in place. The scoping is that of the result.
///
/// # Errors
/// What cannot be compiled.
pub(crate) fn transform<'a>(
    allocator: &'a Allocator,
    program: &mut Program<'a>,
    scoping: Scoping,
    settings: &Settings,
) -> Result<Scoping, Vec<OxcDiagnostic>> {
    let mut options = TransformOptions::default();
    options.typescript.only_remove_type_imports = settings.keeps_imports;
    options.jsx = JsxOptions::disable();
    if let Some(jsx) = &settings.jsx {
        jsx.set(&mut options);
    }
    // Makes `export =` and `import = require()` errors in modules, where nothing answers them.
    options.env.module = if program.source_type.is_module() {
        Module::Esm
    } else {
        Module::Preserve
    };
    // The path only names things in development builds.
    let transformer = Transformer::new(allocator, Path::new(""), &options);
    let done = transformer.build_with_scoping(scoping, program);
    // Warnings too are about what comes out wrong.
    if done.diagnostics.is_empty() {
        Ok(done.scoping)
    } else {
        Err(done.diagnostics.into_vec())
    }
}

/// The text of a compiled program, and where its parts come from.
pub(crate) fn print(program: &Program<'_>, original: &str) -> (String, Vec<Mapping>) {
    let comments = CommentOptions {
        normal: false,
        jsdoc: false,
        annotation: false,
        legal: LegalComment::Inline,
    };
    let options = CodegenOptions {
        comments,
        source_map_path: Some("".into()),
        ..CodegenOptions::default()
    };
    let printed = Codegen::new().with_options(options).build(program);
    let mappings = mappings(&printed, original);
    (printed.code, mappings)
}
