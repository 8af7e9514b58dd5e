//! What a script asks for, and what it gives: imports, exports, event listeners.
//!
//! Looks at what the engine will evaluate, not at the file: imports of types are gone there, and
//! those that JSX needs have come. Not here: what CommonJS exports (`commonjs`).

use std::collections::BTreeSet;

use oxc::ast::ast::{
    Argument, BindingPattern, CallExpression, ConditionalExpression, Declaration, ExportSpecifier,
    Expression, IfStatement, ImportDeclaration, ImportDeclarationSpecifier, ImportExpression,
    Program, Statement, TryStatement,
};
use oxc::ast_visit::{Visit, walk};
use oxc::semantic::Scoping;
use oxc::span::{GetSpan, Span};

use crate::patch::known_condition;

/// What a script asks for and gives.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The modules it asks for, in the order of the text.
    pub(crate) requests: Vec<Request>,
    /// The names it takes from other modules.
    pub(crate) taken: Vec<Taken>,
    /// The names it exports itself, with `default`.
    pub(crate) exports: BTreeSet<String>,
    /// The modules all of whose names it exports.
    pub(crate) stars: Vec<String>,
    /// It calls `addEventListener`.
    pub(crate) adds_listener: bool,
    /// It names `require`, `module` or `exports`, and nothing in it declares them.
    pub(crate) uses_commonjs: bool,
}

/// A module that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) specifier: String,
    /// The byte of the file at which the specifier stands; none if the compiler added it.
    pub(crate) at: Option<usize>,
    pub(crate) syntax: Syntax,
    /// The script goes on without it: it stands in a `try`.
    pub(crate) is_optional: bool,
}

/// How a module is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Syntax {
    Import,
    Require,
}

/// A name that is taken from another module.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) specifier: String,
    pub(crate) name: String,
    /// Where the name stands in the file.
    pub(crate) at: usize,
}

/// Whether `expression` is a variable that nothing in the file declares.
pub(crate) fn is_global(expression: &Expression<'_>, name: &str, scoping: &Scoping) -> bool {
    let Expression::Identifier(identifier) = expression.get_inner_expression() else {
        return false;
    };
    let symbol = |id| scoping.get_reference(id).symbol_id();
    identifier.name == name && identifier.reference_id.get().and_then(symbol).is_none()
}

/// The text of a literal without holes, `"x"` or `` `x` ``, and where it stands.
pub(crate) fn literal(expression: &Expression<'_>) -> Option<(String, Span)> {
    match expression.get_inner_expression() {
        Expression::StringLiteral(text) => Some((text.value.to_string(), text.span)),
        Expression::TemplateLiteral(text) => Some((text.single_quasi()?.to_string(), text.span)),
        _ => None,
    }
}

/// The specifier of `require("x")`.
pub(crate) fn required(call: &CallExpression<'_>, scoping: &Scoping) -> Option<(String, Span)> {
    if !is_global(&call.callee, "require", scoping) {
        return None;
    }
    literal(call.arguments.first().and_then(Argument::as_expression)?)
}

impl Facts {
    pub(crate) fn of(program: &Program<'_>, scoping: &Scoping) -> Self {
        let globals = scoping.root_unresolved_references();
        let uses_commonjs = globals
            .keys()
            .any(|name| matches!(name.as_str(), "require" | "module" | "exports"));
        let facts = Self {
            uses_commonjs,
            ..Self::default()
        };
        let mut reader = Reader {
            facts,
            scoping,
            tries: 0,
        };
        reader.visit_program(program);
        reader.facts
    }

    fn request(&mut self, specifier: &str, span: Span, syntax: Syntax, is_optional: bool) {
        let at = (span != Span::default()).then_some(span.start as usize);
        let specifier = specifier.to_owned();
        self.requests.push(Request {
            specifier,
            at,
            syntax,
            is_optional,
        });
    }

    fn import(&mut self, specifier: &str, span: Span) {
        self.request(specifier, span, Syntax::Import, false);
    }

    fn take(&mut self, specifier: &str, name: &str, span: Span) {
        let (specifier, name) = (specifier.to_owned(), name.to_owned());
        self.taken.push(Taken {
            specifier,
            name,
            at: span.start as usize,
        });
    }

    fn import_declaration(&mut self, import: &ImportDeclaration<'_>) {
        if import.import_kind.is_type() {
            return;
        }
        let source = import.source.value.as_str();
        self.import(source, import.source.span);
        for specifier in import.specifiers.iter().flatten() {
            match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(named)
                    if named.import_kind.is_value() =>
                {
                    self.take(
                        source,
                        named.imported.name().as_str(),
                        named.imported.span(),
                    );
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(default) => {
                    self.take(source, "default", default.span);
                }
                _ => {}
            }
        }
    }

    fn export_specifiers(&mut self, specifiers: &[ExportSpecifier<'_>], source: Option<&str>) {
        for specifier in specifiers
            .iter()
            .filter(|specifier| specifier.export_kind.is_value())
        {
            self.exports.insert(specifier.exported.name().to_string());
            if let Some(source) = source {
                self.take(
                    source,
                    specifier.local.name().as_str(),
                    specifier.local.span(),
                );
            }
        }
    }

    fn export_declaration(&mut self, declaration: &Declaration<'_>) {
        match declaration {
            Declaration::VariableDeclaration(variables) => {
                for variable in &variables.declarations {
                    self.export_pattern(&variable.id);
                }
            }
            Declaration::FunctionDeclaration(function) => {
                self.exports
                    .extend(function.id.as_ref().map(|id| id.name.to_string()));
            }
            Declaration::ClassDeclaration(class) => {
                self.exports
                    .extend(class.id.as_ref().map(|id| id.name.to_string()));
            }
            _ => {}
        }
    }

    fn export_pattern(&mut self, pattern: &BindingPattern<'_>) {
        for identifier in pattern.get_binding_identifiers() {
            self.exports.insert(identifier.name.to_string());
        }
    }
}

struct Reader<'s> {
    facts: Facts,
    scoping: &'s Scoping,
    /// In how many `try` blocks the visitor is.
    tries: u32,
}

impl Reader<'_> {
    fn is_event_target(&self, object: &Expression<'_>) -> bool {
        ["self", "globalThis"]
            .iter()
            .any(|name| is_global(object, name, self.scoping))
    }

    fn adds_listener(&self, call: &CallExpression<'_>) -> bool {
        let callee = call.callee.get_inner_expression();
        match callee.as_member_expression() {
            Some(member) => {
                member.static_property_name() == Some("addEventListener")
                    && self.is_event_target(member.object())
            }
            None => is_global(callee, "addEventListener", self.scoping),
        }
    }

    /// Whether the call is `import("x").catch(…)`.
    fn catches_import(call: &CallExpression<'_>) -> bool {
        call.callee.as_member_expression().is_some_and(|member| {
            member.static_property_name() == Some("catch")
                && matches!(member.object(), Expression::ImportExpression(_))
        })
    }
}

impl<'a> Visit<'a> for Reader<'_> {
    fn visit_statement(&mut self, statement: &Statement<'a>) {
        match statement {
            Statement::ImportDeclaration(import) => self.facts.import_declaration(import),
            Statement::ExportAllDeclaration(export) if export.export_kind.is_value() => {
                let source = export.source.value.as_str();
                self.facts.import(source, export.source.span);
                match &export.exported {
                    Some(name) => _ = self.facts.exports.insert(name.name().to_string()),
                    None => self.facts.stars.push(source.to_owned()),
                }
            }
            Statement::ExportFromDeclaration(export) if export.export_kind.is_value() => {
                let source = export.source.value.as_str();
                self.facts.import(source, export.source.span);
                self.facts
                    .export_specifiers(&export.specifiers, Some(source));
            }
            Statement::ExportNamedDeclaration(export) if export.export_kind.is_value() => {
                self.facts.export_specifiers(&export.specifiers, None);
            }
            Statement::ExportDefaultDeclaration(_) => {
                self.facts.exports.insert("default".to_owned());
            }
            Statement::ExportDeclaration(export) => {
                self.facts.export_declaration(&export.declaration);
            }
            _ => {}
        }
        walk::walk_statement(self, statement);
    }

    fn visit_import_expression(&mut self, import: &ImportExpression<'a>) {
        if let Some((specifier, span)) = literal(&import.source) {
            self.facts
                .request(&specifier, span, Syntax::Import, self.tries > 0);
        }
        walk::walk_import_expression(self, import);
    }

    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        if let Some((specifier, span)) = required(call, self.scoping) {
            self.facts
                .request(&specifier, span, Syntax::Require, self.tries > 0);
        }
        self.facts.adds_listener |= self.adds_listener(call);
        let tries = u32::from(Self::catches_import(call));
        self.tries += tries;
        walk::walk_call_expression(self, call);
        self.tries -= tries;
    }

    fn visit_try_statement(&mut self, statement: &TryStatement<'a>) {
        self.tries += u32::from(statement.handler.is_some());
        self.visit_block_statement(&statement.block);
        self.tries -= u32::from(statement.handler.is_some());
        if let Some(handler) = &statement.handler {
            self.visit_catch_clause(handler);
        }
        if let Some(finalizer) = &statement.finalizer {
            self.visit_block_statement(finalizer);
        }
    }

    fn visit_if_statement(&mut self, statement: &IfStatement<'a>) {
        let known = known_condition(&statement.test, self.scoping);
        self.visit_expression(&statement.test);
        if known != Some(false) {
            self.visit_statement(&statement.consequent);
        }
        for alternate in statement.alternate.iter().filter(|_| known != Some(true)) {
            self.visit_statement(alternate);
        }
    }

    fn visit_conditional_expression(&mut self, conditional: &ConditionalExpression<'a>) {
        let known = known_condition(&conditional.test, self.scoping);
        self.visit_expression(&conditional.test);
        if known != Some(false) {
            self.visit_expression(&conditional.consequent);
        }
        if known != Some(true) {
            self.visit_expression(&conditional.alternate);
        }
    }
}
