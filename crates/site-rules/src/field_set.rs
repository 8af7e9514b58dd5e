//! What all rules together say of one path: the fields to set, to add and to take away.

use serde::{Deserialize, Serialize};

use crate::field::Field;
use crate::pattern::Captures;

/// What to do with the fields of an answer, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FieldSet {
    /// Names in lower case.
    pub operations: Vec<FieldOperation>,
}

/// What to do with one field.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FieldOperation {
    /// In place of whatever the server says.
    Set {
        /// The name.
        name: String,
        /// Visible ASCII, spaces and tabs.
        value: String,
    },
    /// Beside what is there.
    Add {
        /// The name.
        name: String,
        /// Visible ASCII, spaces and tabs.
        value: String,
    },
    /// Taken away.
    Remove {
        /// The name.
        name: String,
    },
}

impl FieldSet {
    /// How long the fields are in an answer.
    pub fn bytes(&self) -> usize {
        let lengths = self.operations.iter().map(|operation| match operation {
            FieldOperation::Set { name, value } | FieldOperation::Add { name, value } => {
                name.len() + value.len() + ": \r\n".len()
            }
            FieldOperation::Remove { .. } => 0,
        });
        lengths.sum()
    }
}

/// Gathers what rules say, in their order: the first one to set a field overrides what the server
/// would say, those after it are appended, and one that is taken away is gone.
#[derive(Default)]
pub(crate) struct Merge(Vec<(String, State)>);

enum State {
    /// Until a rule says otherwise.
    Default(String),
    Values(Vec<String>),
    Removed,
}

impl Merge {
    /// A field in place of the server's own, before any rule.
    pub(crate) fn put_default(&mut self, name: &str, value: &str) {
        *self.state(name) = State::Default(value.to_owned());
    }

    /// What a rule says of one field.
    pub(crate) fn apply(&mut self, field: &Field, captures: &Captures<'_>) {
        let value = field.value(captures);
        let state = self.state(field.name());
        match (value, &mut *state) {
            (None, _) => *state = State::Removed,
            (Some(value), State::Values(values)) => values.push(value),
            (Some(value), _) => *state = State::Values(vec![value]),
        }
    }

    fn state(&mut self, name: &str) -> &mut State {
        let place = self.0.iter().position(|(n, _)| n == name);
        let place = place.unwrap_or_else(|| {
            self.0.push((name.to_owned(), State::Removed));
            self.0.len() - 1
        });
        &mut self.0[place].1
    }

    pub(crate) fn settle(self) -> FieldSet {
        let operations = self.0.into_iter().flat_map(|(name, state)| match state {
            State::Removed => vec![FieldOperation::Remove { name }],
            State::Default(value) => vec![FieldOperation::Set { name, value }],
            // Cookies have commas in them (RFC 6265, 3).
            State::Values(values) if name == "set-cookie" => {
                let each = |value| FieldOperation::Add {
                    name: name.clone(),
                    value,
                };
                values.into_iter().map(each).collect()
            }
            // The server's own part of it stays true.
            State::Values(values) if name == "vary" => vec![FieldOperation::Add {
                name,
                value: values.join(", "),
            }],
            State::Values(values) => vec![FieldOperation::Set {
                name,
                value: values.join(", "),
            }],
        });
        FieldSet {
            operations: operations.collect(),
        }
    }
}
