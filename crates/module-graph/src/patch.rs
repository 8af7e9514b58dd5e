//! The few places of plain JavaScript that are overwritten, so that all others keep theirs.
//!
//! `process.env.NODE_ENV` is the text `"production"`, as in every bundler: packages choose their
//! quick variant by it. Not a global variable `process`: packages take it as a sign of Node.js.

use oxc::ast::ast::{
    BinaryExpression, BinaryOperator, Expression, MemberExpression, Program,
    SimpleAssignmentTarget, UnaryExpression, UnaryOperator,
};
use oxc::ast_visit::{Visit, walk};
use oxc::semantic::Scoping;
use oxc::span::{GetSpan, Span};

use crate::facts::is_global;

const PRODUCTION: &str = "production";

/// The text with all patches; none where there is nothing to patch.
pub(crate) fn patched(text: &str, program: &Program<'_>, scoping: &Scoping) -> Option<String> {
    let mut finder = Finder {
        scoping,
        found: Vec::new(),
    };
    finder.visit_program(program);
    let mut patched = None;
    if program.hashbang.is_some() {
        patched
            .get_or_insert_with(|| text.to_owned())
            .replace_range(..2, "//");
    }
    for span in finder.found {
        let range = span.start as usize..span.end as usize;
        if let Some(replacement) = text.get(range.clone()).and_then(replacement) {
            patched
                .get_or_insert_with(|| text.to_owned())
                .replace_range(range, &replacement);
        }
    }
    patched
}

/// As long as `expression`, with its line ends where they were.
fn replacement(expression: &str) -> Option<String> {
    // A comment inside, in letters of several bytes: bytes and columns cannot both be kept.
    if !expression.is_ascii() {
        return None;
    }
    let literal = format!("\"{PRODUCTION}\"");
    let is_end = |char: char| matches!(char, '\n' | '\r');
    // What stands after the literal may go on on another line; a line end before it would end a
    // `return`.
    if expression.get(..literal.len())?.contains(is_end) {
        return None;
    }
    let blank = |char: char| if is_end(char) { char } else { ' ' };
    let tail: String = expression[literal.len()..].chars().map(blank).collect();
    Some(literal + &tail)
}

struct Finder<'s> {
    scoping: &'s Scoping,
    found: Vec<Span>,
}

impl<'a> Visit<'a> for Finder<'_> {
    fn visit_member_expression(&mut self, member: &MemberExpression<'a>) {
        if is_node_env(member, self.scoping) {
            self.found.push(member.span());
        } else {
            walk::walk_member_expression(self, member);
        }
    }

    fn visit_simple_assignment_target(&mut self, target: &SimpleAssignmentTarget<'a>) {
        let is_node_env = |member| is_node_env(member, self.scoping);
        if !target.as_member_expression().is_some_and(is_node_env) {
            walk::walk_simple_assignment_target(self, target);
        }
    }

    fn visit_unary_expression(&mut self, unary: &UnaryExpression<'a>) {
        if unary.operator != UnaryOperator::Delete {
            walk::walk_unary_expression(self, unary);
        }
    }
}

/// Whether this is `process.env.NODE_ENV`, of the global `process`.
fn is_node_env(member: &MemberExpression<'_>, scoping: &Scoping) -> bool {
    let is_env = |env: &MemberExpression<'_>| {
        env.static_property_name() == Some("env") && is_global(env.object(), "process", scoping)
    };
    member.static_property_name() == Some("NODE_ENV")
        && member
            .object()
            .get_inner_expression()
            .as_member_expression()
            .is_some_and(is_env)
}

/// What a condition on `process.env.NODE_ENV` comes to; none for all other conditions. Looks at
/// the file as well as at its patched text.
pub(crate) fn known_condition(test: &Expression<'_>, scoping: &Scoping) -> Option<bool> {
    let Expression::BinaryExpression(binary) = test.get_inner_expression() else {
        return None;
    };
    let BinaryExpression {
        left,
        operator,
        right,
        ..
    } = &**binary;
    let equal = known_text(left, scoping)? == known_text(right, scoping)?;
    match operator {
        BinaryOperator::Equality | BinaryOperator::StrictEquality => Some(equal),
        BinaryOperator::Inequality | BinaryOperator::StrictInequality => Some(!equal),
        _ => None,
    }
}

fn known_text<'a>(expression: &Expression<'a>, scoping: &Scoping) -> Option<&'a str> {
    match expression.get_inner_expression() {
        Expression::StringLiteral(literal) => Some(literal.value.as_str()),
        other => {
            let member = other.as_member_expression()?;
            is_node_env(member, scoping).then_some(PRODUCTION)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_is_as_long_as_what_it_replaces() {
        #[track_caller]
        fn check(expression: &str, want: Option<&str>) {
            assert_eq!(replacement(expression).as_deref(), want);
            assert!(want.is_none_or(|want| want.len() == expression.len()));
        }
        check("process.env.NODE_ENV", Some("\"production\"        "));
        check("process.env\n.NODE_ENV", None);
        check("process .env\n.NODE_ENV", Some("\"production\"\n         "));
        check("process\n.env['NODE_ENV']", None);
        check("process./* ä */env.NODE_ENV", None);
    }
}
