//! The text of one script to what the engine evaluates, and what there is to know about it.

use oxc::allocator::Allocator;
use oxc::ast::ast::{
    AccessorProperty, Decorator, JSXElement, JSXFragment, Program, Statement,
    TSInterfaceDeclaration, TSModuleReference, TSTypeAliasDeclaration,
};
use oxc::ast_visit::{Visit, walk};
use oxc::diagnostics::{Diagnostics, OxcDiagnostic};
use oxc::parser::{ParseOptions, Parser};
use oxc::semantic::{Scoping, SemanticBuilder};
use oxc::span::{GetSpan, SourceType};

use crate::NESTING_MAX;
use crate::commonjs::CommonJsExports;
use crate::facts::{Facts, Request};
use crate::format::{Format, Language};
use crate::jsx::Pragmas;
use crate::patch::patched;
use crate::position::Lines;
use crate::problem::Problem;
use crate::transform::{Settings, print, transform};
use script_abi::Mapping;

/// Up to so many syntax errors of a file are reported: most follow from the first.
const SYNTAX_ERRORS_MAX: usize = 10;

/// A script to compile.
pub(crate) struct Script<'s> {
    pub(crate) name: &'s str,
    pub(crate) text: &'s str,
    pub(crate) language: Language,
    pub(crate) format: Format,
    /// An entry without imports and exports is a module unless it uses CommonJS.
    pub(crate) is_entry: bool,
}

/// A compiled script.
pub(crate) struct Compiled {
    /// What is evaluated, and where its parts come from; none if the file is evaluated as it is.
    pub(crate) output: Option<(String, Vec<Mapping>)>,
    pub(crate) facts: Facts,
    /// None for ECMAScript modules.
    pub(crate) commonjs: Option<CommonJsExports>,
    /// Types that the file declares: importing one as a value is a mistake with a name.
    pub(crate) types: Vec<String>,
    /// The first byte of JSX.
    pub(crate) jsx_at: Option<usize>,
}

impl Compiled {
    /// A CommonJS module that does nothing.
    pub(crate) fn empty() -> Self {
        Self {
            output: None,
            facts: Facts::default(),
            commonjs: Some(CommonJsExports::default()),
            types: Vec::new(),
            jsx_at: None,
        }
    }
}

/// Why a script cannot be compiled.
pub(crate) struct Failed {
    pub(crate) problems: Vec<Problem>,
    /// What it asks for nevertheless.
    pub(crate) requests: Vec<Request>,
}

/// Compiles a script; `settings` is asked, at most once, if there is something to transform. It
/// gets what the file says about its JSX, if it has any.
pub(crate) fn compile(
    script: &Script<'_>,
    settings: impl FnOnce(Option<Pragmas>) -> Settings,
) -> Result<Compiled, Failed> {
    if let Some(at) = too_deep(script.text) {
        return Err(script.refused(at, &format!("this is nested more than {NESTING_MAX} deep")));
    }
    let allocator = Allocator::default();
    let mut parsed = parse_as_detected(&allocator, script);
    let survey = Survey::of(&parsed.program);
    if parsed.errors.has_errors() {
        // In TypeScript it takes the whole program to tell types from values.
        let is_known = !parsed.is_lost && script.language == Language::JavaScript;
        let facts = is_known.then(|| Facts::of(&parsed.program, &parsed.scoping));
        let requests = facts.map(|facts| facts.requests).unwrap_or_default();
        return Err(Failed {
            requests,
            ..script.failed(&parsed.errors)
        });
    }
    if let Some((at, message)) = survey.refused {
        return Err(script.refused(at, message));
    }
    let is_esm = parsed.program.source_type.is_module();
    let patched = patched(script.text, &parsed.program, &parsed.scoping);
    let mut output = None;
    if script.language != Language::JavaScript || survey.jsx_at.is_some() {
        if let Some(patched) = &patched {
            let text = allocator.alloc_str(patched);
            parsed = parse(&allocator, text, parsed.program.source_type);
        }
        let settings = settings(survey.jsx_at.map(|_| Pragmas::of(&parsed.program)));
        parsed.scoping = transform(&allocator, &mut parsed.program, parsed.scoping, &settings)
            .map_err(|errors| script.failed(&errors))?;
        if !is_esm {
            script.drop_module_syntax(&mut parsed.program)?;
        }
        output = Some(print(&parsed.program, script.text));
    } else if let Some(patched) = patched {
        output = Some((patched, Vec::new()));
    }
    let commonjs = (!is_esm).then(|| CommonJsExports::of(&parsed.program, &parsed.scoping));
    let facts = Facts::of(&parsed.program, &parsed.scoping);
    let Survey { types, jsx_at, .. } = survey;
    Ok(Compiled {
        output,
        facts,
        commonjs,
        types,
        jsx_at,
    })
}

impl Script<'_> {
    fn refused(&self, at: usize, message: &str) -> Failed {
        let problem = Problem::at(self.name, &Lines::new(self.text), at, message.to_owned());
        Failed {
            problems: vec![problem],
            requests: Vec::new(),
        }
    }

    fn failed(&self, errors: &[OxcDiagnostic]) -> Failed {
        let lines = Lines::new(self.text);
        let problem = |error: &OxcDiagnostic| {
            let at = error
                .labels
                .first()
                .map_or(0, |label| label.offset() as usize);
            let mut message = error.message.trim_end_matches('.').to_owned();
            if message.starts_with("Namespaces exporting non-const") {
                message = "a namespace can only export constants; write `export const`".to_owned();
            } else if let Some(help) = &error.help {
                message = format!("{message}; {help}");
            }
            let words: Vec<&str> = message.split_whitespace().collect();
            Problem::at(self.name, &lines, at, words.join(" "))
        };
        let mut problems: Vec<Problem> = errors.iter().map(problem).collect();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        // What follows from an error at its very place says less.
        problems.dedup_by_key(|problem| (problem.line, problem.column));
        problems.truncate(SYNTAX_ERRORS_MAX);
        Failed {
            problems,
            requests: Vec::new(),
        }
    }

    /// Takes the `export {}` out of a compiled CommonJS file, which stands for types that are
    /// gone. There is nothing that compiles other imports and exports to `require`.
    fn drop_module_syntax(&self, program: &mut Program<'_>) -> Result<(), Failed> {
        program.body.retain(|statement| {
            let Statement::ExportNamedDeclaration(export) = statement else {
                return true;
            };
            !export.specifiers.is_empty()
        });
        match program
            .body
            .iter()
            .find(|statement| statement.is_module_declaration())
        {
            None => Ok(()),
            Some(statement) => {
                let message = "this file is CommonJS by its name: write `import x = require(\"x\")` \
                               and `export =`, or name it .mts";
                Err(self.refused(statement.span().start as usize, message))
            }
        }
    }
}

struct Parsed<'a> {
    program: Program<'a>,
    scoping: Scoping,
    errors: Diagnostics,
    /// The program is empty, since the parser gave up.
    is_lost: bool,
}

/// Parses a file and settles whether it is a module.
fn parse_as_detected<'a>(allocator: &'a Allocator, script: &Script<'_>) -> Parsed<'a> {
    let text = allocator.alloc_str(script.text);
    let parsed = parse(allocator, text, script.format.source_type(script.language));
    if script.format != Format::Detect {
        return parsed;
    }
    if parsed.program.source_type.is_module() {
        if !has_only_commonjs_syntax(&parsed.program) {
            return parsed;
        }
        return parse(
            allocator,
            text,
            Format::CommonJs.source_type(script.language),
        );
    }
    let as_module = || parse(allocator, text, Format::Esm.source_type(script.language));
    if parsed.errors.has_errors() {
        // Only a module may have `await` outside of functions.
        let module = as_module();
        let is_module = module.errors.errors().count() <= parsed.errors.errors().count();
        return if is_module { module } else { parsed };
    }
    if script.is_entry && !Facts::of(&parsed.program, &parsed.scoping).uses_commonjs {
        let module = as_module();
        // What modules refuse, such as `with`, is refused nowhere else.
        if !module.errors.has_errors() {
            return module;
        }
    }
    parsed
}

/// Whether all that makes a file a module is `export =` and `import x = require()`.
fn has_only_commonjs_syntax(program: &Program<'_>) -> bool {
    let mut has_commonjs_syntax = false;
    for statement in &program.body {
        match statement {
            Statement::TSExportAssignment(_) => has_commonjs_syntax = true,
            Statement::TSImportEqualsDeclaration(import) => {
                let external = TSModuleReference::is_external;
                has_commonjs_syntax |= external(&import.module_reference);
            }
            Statement::ImportDeclaration(import) if import.import_kind.is_type() => {}
            other if other.is_module_declaration() => return false,
            _ => {}
        }
    }
    has_commonjs_syntax
}

fn parse<'a>(allocator: &'a Allocator, text: &'a str, source_type: SourceType) -> Parsed<'a> {
    let options = ParseOptions {
        // Parentheses mean nothing once there is a tree.
        preserve_parens: false,
        allow_return_outside_function: !source_type.is_module(),
        parse_regular_expression: true,
        ..ParseOptions::default()
    };
    let parsed = Parser::new(allocator, text, source_type)
        .with_options(options)
        .parse();
    let mut program = parsed.program;
    if program.source_type.is_script() {
        // The body of a function, as the engine evaluates it.
        program.source_type = program.source_type.with_commonjs(true);
    }
    let mut errors = parsed.diagnostics;
    let semantic = SemanticBuilder::new_compiler()
        .with_enum_eval(true)
        .build(&program);
    if !errors.has_errors() {
        errors.extend(semantic.diagnostics);
    }
    let scoping = semantic.semantic.into_scoping();
    Parsed {
        program,
        scoping,
        errors,
        is_lost: parsed.panicked,
    }
}

/// Where brackets, or assignments and arrows that have each other as their value, are nested too
/// deep. All else needs so little of the stack that a whole file of it fits. Strings and comments
/// are not told from code: [`NESTING_MAX`] is far above what any of them has.
fn too_deep(text: &str) -> Option<usize> {
    let (mut brackets, mut chain) = (0_usize, 0_usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => brackets += 1,
            b')' | b']' | b'}' => brackets = brackets.saturating_sub(1),
            b'=' => chain += 1,
            _ => {}
        }
        if matches!(byte, b'{' | b'}' | b';' | b',') {
            chain = 0;
        }
        if brackets.max(chain) > NESTING_MAX {
            return Some(at);
        }
    }
    None
}

/// What the file has that its compiled text does not.
#[derive(Default)]
struct Survey {
    jsx_at: Option<usize>,
    types: Vec<String>,
    refused: Option<(usize, &'static str)>,
}

impl Survey {
    fn of(program: &Program<'_>) -> Self {
        let mut survey = Self::default();
        survey.visit_program(program);
        survey
    }

    fn jsx(&mut self, start: u32) {
        let at = start as usize;
        self.jsx_at = Some(self.jsx_at.map_or(at, |first| first.min(at)));
    }
}

impl<'a> Visit<'a> for Survey {
    fn visit_jsx_element(&mut self, element: &JSXElement<'a>) {
        self.jsx(element.span.start);
        walk::walk_jsx_element(self, element);
    }

    fn visit_jsx_fragment(&mut self, fragment: &JSXFragment<'a>) {
        self.jsx(fragment.span.start);
        walk::walk_jsx_fragment(self, fragment);
    }

    fn visit_ts_interface_declaration(&mut self, declaration: &TSInterfaceDeclaration<'a>) {
        self.types.push(declaration.id.name.to_string());
    }

    fn visit_ts_type_alias_declaration(&mut self, declaration: &TSTypeAliasDeclaration<'a>) {
        self.types.push(declaration.id.name.to_string());
    }

    fn visit_decorator(&mut self, decorator: &Decorator<'a>) {
        let message = "decorators cannot be compiled; call the function instead, as in \
                       `const C = decorate(class { … })`";
        self.refused
            .get_or_insert((decorator.span.start as usize, message));
    }

    fn visit_accessor_property(&mut self, accessor: &AccessorProperty<'a>) {
        let message = "`accessor` cannot be compiled; write a getter and a setter";
        self.refused
            .get_or_insert((accessor.span.start as usize, message));
    }
}
