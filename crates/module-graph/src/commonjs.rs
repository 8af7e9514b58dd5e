//! The names that a CommonJS module exports, as far as its text tells.
//!
//! Reads what people, TypeScript, Babel, esbuild and swc write, much as Node.js does
//! (cjs-module-lexer). A guess: names may be missing, and some may never be set.

use std::collections::{BTreeMap, BTreeSet};

use oxc::ast::ast::{
    Argument, AssignmentExpression, AssignmentTarget, CallExpression, ConditionalExpression,
    Expression, IfStatement, ObjectExpression, ObjectPropertyKind, Program, VariableDeclarator,
};
use oxc::ast_visit::{Visit, walk};
use oxc::semantic::Scoping;
use oxc::syntax::identifier::is_identifier_name;
use oxc::syntax::keyword::is_reserved_keyword;

use crate::facts::{literal, required};
use crate::patch::known_condition;

/// What a CommonJS module exports.
#[derive(Debug, Default)]
pub(crate) struct CommonJsExports {
    pub(crate) names: BTreeSet<String>,
    /// Modules whose names it exports too.
    pub(crate) reexports: Vec<Reexport>,
    /// It sets `__esModule`.
    pub(crate) is_es_module: bool,
    /// It sets `module.exports`, or a name `default`: there is a default export.
    pub(crate) has_default: bool,
}

/// A module whose names are exported too.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reexport {
    pub(crate) specifier: String,
    /// `module.exports = require("x")`: whatever it is, this module is it.
    pub(crate) is_whole: bool,
}

/// Whether an ECMAScript module can declare an export of this name.
pub(crate) fn is_exportable(name: &str) -> bool {
    is_identifier_name(name) && !is_reserved_keyword(name) && name != "__esModule"
}

impl CommonJsExports {
    pub(crate) fn of(program: &Program<'_>, scoping: &Scoping) -> Self {
        let mut reader = Reader {
            scoping,
            found: Self::default(),
            getters: BTreeMap::new(),
            required: BTreeMap::new(),
        };
        reader.visit_program(program);
        reader.found
    }

    fn add(&mut self, name: &str) {
        match name {
            "__esModule" => self.is_es_module = true,
            "default" => self.has_default = true,
            _ if is_exportable(name) => _ = self.names.insert(name.to_owned()),
            _ => {}
        }
    }

    fn add_reexport(&mut self, specifier: String, is_whole: bool) {
        self.reexports.push(Reexport {
            specifier,
            is_whole,
        });
    }
}

struct Reader<'s> {
    scoping: &'s Scoping,
    found: CommonJsExports,
    /// esbuild: `__export(x_exports, { a: () => a })` before `module.exports =
    /// __toCommonJS(x_exports)`.
    getters: BTreeMap<String, Vec<String>>,
    /// Babel: `var _x = require("x")` before `Object.keys(_x).forEach(…)`.
    required: BTreeMap<String, String>,
}

impl Reader<'_> {
    /// The specifier of `require("x")`, also within a call of one argument, as compilers write it.
    fn required(&self, expression: &Expression<'_>) -> Option<String> {
        let Expression::CallExpression(call) = expression.get_inner_expression() else {
            return None;
        };
        if let Some((specifier, _)) = required(call, self.scoping) {
            return Some(specifier);
        }
        let Expression::CallExpression(inner) = argument(call, 0)?.get_inner_expression() else {
            return None;
        };
        required(inner, self.scoping).map(|(specifier, _)| specifier)
    }

    /// `module.exports = value`
    fn assign_all(&mut self, value: &Expression<'_>) {
        self.found.has_default = true;
        match value.get_inner_expression() {
            Expression::ObjectExpression(object) => self.add_object(object),
            Expression::AssignmentExpression(assignment) => self.assign_all(&assignment.right),
            Expression::ConditionalExpression(conditional) => {
                let known = known_condition(&conditional.test, self.scoping);
                if known != Some(false) {
                    self.assign_all(&conditional.consequent);
                }
                if known != Some(true) {
                    self.assign_all(&conditional.alternate);
                }
            }
            Expression::CallExpression(call) => {
                if let Some((specifier, _)) = required(call, self.scoping) {
                    self.found.add_reexport(specifier, true);
                } else if callee_name(call).is_some_and(|name| name.ends_with("toCommonJS")) {
                    self.found.is_es_module = true;
                    let names =
                        identifier(argument(call, 0)).and_then(|it| self.getters.remove(it));
                    names
                        .unwrap_or_default()
                        .iter()
                        .for_each(|name| self.found.add(name));
                }
            }
            _ => {}
        }
    }

    fn add_object(&mut self, object: &ObjectExpression<'_>) {
        for property in &object.properties {
            if let ObjectPropertyKind::SpreadProperty(spread) = property
                && let Some(specifier) = self.required(&spread.argument)
            {
                self.found.add_reexport(specifier, false);
            }
        }
        property_names(object)
            .iter()
            .for_each(|name| self.found.add(name));
    }

    /// Calls that copy names: `__exportStar(require("x"), exports)`, `Object.assign(exports, …)`,
    /// `_export(exports, { a: … })`.
    fn copy(&mut self, call: &CallExpression<'_>) {
        let Some(name) = callee_name(call) else {
            return;
        };
        let first = argument(call, 0);
        let goes_to_exports = first.is_some_and(is_exports);
        match name {
            "__exportStar" | "__export" | "_export_star" | "__reExport" => {
                let sources = [first, argument(call, 1)];
                let specifiers = sources
                    .into_iter()
                    .flatten()
                    .filter_map(|it| self.required(it));
                for specifier in specifiers.collect::<Vec<String>>() {
                    self.found.add_reexport(specifier, false);
                }
            }
            "defineProperty" if goes_to_exports => {
                if let Some((name, _)) = argument(call, 1).and_then(literal) {
                    self.found.add(&name);
                }
            }
            "assign" if goes_to_exports => {
                for source in call
                    .arguments
                    .iter()
                    .skip(1)
                    .filter_map(Argument::as_expression)
                {
                    if let Some(specifier) = self.required(source) {
                        self.found.add_reexport(specifier, false);
                    }
                    if let Expression::ObjectExpression(object) = source.get_inner_expression() {
                        self.add_object(object);
                    }
                }
            }
            _ => {}
        }
        if let Some(Expression::ObjectExpression(object)) = argument(call, 1)
            && matches!(name, "__export" | "_export")
        {
            if goes_to_exports {
                self.add_object(object);
            } else if let Some(target) = identifier(first) {
                self.getters
                    .insert(target.to_owned(), property_names(object));
            }
        }
    }

    /// `Object.keys(_x).forEach(function (key) { exports[key] = _x[key] })`
    fn copy_keys(&mut self, call: &CallExpression<'_>) {
        if callee_name(call) != Some("forEach") {
            return;
        }
        let member = call.callee.as_member_expression();
        let Some(Expression::CallExpression(keys)) = member.map(|member| member.object()) else {
            return;
        };
        if callee_name(keys) == Some("keys")
            && let Some(source) = identifier(argument(keys, 0))
            && let Some(specifier) = self.required.get(source)
        {
            self.found.add_reexport(specifier.clone(), false);
        }
    }
}

impl<'a> Visit<'a> for Reader<'_> {
    fn visit_assignment_expression(&mut self, assignment: &AssignmentExpression<'a>) {
        if is_module_exports_target(&assignment.left) {
            self.assign_all(&assignment.right);
        } else if let Some(member) = assignment.left.as_member_expression()
            && is_exports(member.object())
            && let Some(name) = member.static_property_name()
        {
            self.found.add(name);
        }
        walk::walk_assignment_expression(self, assignment);
    }

    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        self.copy(call);
        self.copy_keys(call);
        walk::walk_call_expression(self, call);
    }

    fn visit_variable_declarator(&mut self, variable: &VariableDeclarator<'a>) {
        if let Some(name) = variable.id.get_identifier_name()
            && let Some(specifier) = variable.init.as_ref().and_then(|init| self.required(init))
        {
            self.required.insert(name.to_string(), specifier);
        }
        walk::walk_variable_declarator(self, variable);
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
        if known != Some(false) {
            self.visit_expression(&conditional.consequent);
        }
        if known != Some(true) {
            self.visit_expression(&conditional.alternate);
        }
    }
}

/// `exports` or `module.exports`. Who declares them does not matter: factories of UMD get them as
/// parameters.
fn is_exports(expression: &Expression<'_>) -> bool {
    let expression = expression.get_inner_expression();
    expression.is_specific_id("exports")
        || expression.is_specific_member_access("module", "exports")
}

fn is_module_exports_target(target: &AssignmentTarget<'_>) -> bool {
    target
        .as_member_expression()
        .is_some_and(|it| it.is_specific_member_access("module", "exports"))
}

fn argument<'c, 'a>(call: &'c CallExpression<'a>, place: usize) -> Option<&'c Expression<'a>> {
    call.arguments.get(place).and_then(Argument::as_expression)
}

fn identifier<'c>(expression: Option<&'c Expression<'_>>) -> Option<&'c str> {
    expression?
        .get_identifier_reference()
        .map(|identifier| identifier.name.as_str())
}

/// The last name of what is called: `b` of `b()`, `a.b()` and `(0, a.b)()`.
fn callee_name<'c>(call: &'c CallExpression<'_>) -> Option<&'c str> {
    let mut callee = call.callee.get_inner_expression();
    if let Expression::SequenceExpression(sequence) = callee {
        callee = sequence.expressions.last()?.get_inner_expression();
    }
    let property = callee
        .as_member_expression()
        .and_then(|it| it.static_property_name());
    property.or_else(|| identifier(Some(callee)))
}

fn property_names(object: &ObjectExpression<'_>) -> Vec<String> {
    let key = |property: &ObjectPropertyKind<'_>| match property {
        ObjectPropertyKind::ObjectProperty(property) if !property.computed => {
            property.key.static_name().map(std::borrow::Cow::into_owned)
        }
        _ => None,
    };
    object.properties.iter().filter_map(key).collect()
}
