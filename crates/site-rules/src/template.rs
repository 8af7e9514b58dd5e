//! Text with placeholders, filled in one pass: what is filled in is never looked at again.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::pattern::{Captures, name_length};

/// Text with placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Piece {
    Text(String),
    Placeholder(String),
}

impl Template {
    /// Parses a text in which `names` are placeholders; all else stays as it is.
    pub(crate) fn parse(text: &str, names: &[&str]) -> Self {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(':') {
            literal.push_str(&rest[..at]);
            let behind = &rest[at + 1..];
            let name = name_length(behind).map(|length| &behind[..length]);
            match name.filter(|name| names.contains(name)) {
                Some(name) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(Piece::Placeholder(name.to_owned()));
                    rest = &behind[name.len()..];
                }
                None => {
                    literal.push(':');
                    rest = behind;
                }
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Self(pieces)
    }

    /// The text, with what the placeholders stand for, each encoded by `encode`.
    pub(crate) fn fill(&self, captures: &Captures<'_>, encode: impl Fn(&str) -> String) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Placeholder(name) => {
                    text.push_str(&encode(captures.get(name).unwrap_or_default()));
                }
            }
        }
        text
    }

    /// The names that stand in it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Placeholder(name) => Some(name.as_str()),
        })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Placeholder(name) => write!(f, ":{name}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pattern;
    use http_semantics::SitePath;

    #[test]
    fn whole_names_are_filled_in_once() {
        let pattern = Pattern::parse("/:id/:id_2/*").unwrap();
        let path = SitePath::parse("/:id_2/b/c").unwrap();
        let captures = pattern.matches(None, &path).unwrap();
        let names: Vec<&str> = pattern.names().collect();
        let check = |text: &str, want: &str| {
            let template = Template::parse(text, &names);
            assert_eq!(template.fill(&captures, str::to_owned), want);
            assert_eq!(template.to_string(), text);
        };
        check(":id", ":id_2");
        check("/x/:id_2/:id.:splat!", "/x/b/:id_2.c!");
        check(":idx :", ":idx :");
        check("https://h:80/:id_2", "https://h:80/b");
    }
}
