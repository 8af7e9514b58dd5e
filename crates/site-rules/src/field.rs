//! One line of `_headers`: `Name: value`, or `! Name`, which takes a field away.

use std::fmt;

use http_semantics::encode_path;
use serde::{Deserialize, Serialize};

use crate::pattern::Captures;
use crate::template::Template;

/// A field that a rule sets or takes away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// In lower case.
    name: String,
    /// `None`: it is taken away.
    value: Option<Template>,
}

/// Why a line is no field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// Neither a path nor a field.
    #[error(
        "{text:?} is neither a path, which begins with a slash, nor a field, written Name: value"
    )]
    NoColon {
        /// What stands there.
        text: String,
    },
    /// A name with spaces or other characters.
    #[error("{name:?} is no name of a field; it has letters, digits, - and _ only")]
    Name {
        /// What stands there.
        name: String,
    },
    /// Nothing after the colon.
    #[error("{name} has no value; to take a field away, write: ! {name}")]
    NoValue {
        /// The name.
        name: String,
    },
    /// A character that no value may have.
    #[error("the value of {name} holds {character:?}; it may have ASCII characters only")]
    Value {
        /// The name.
        name: String,
        /// Which.
        character: char,
    },
    /// A field of the server's.
    #[error("{name} is decided by the server from what it sends; remove it")]
    Decided {
        /// The name.
        name: String,
    },
    /// A feature of Netlify that would give passwords away.
    #[error(
        "Basic-Auth protects a path on Netlify; here it would send the passwords to everybody. Remove \
         it, and let a worker ask for passwords"
    )]
    BasicAuth,
    /// `! Vary`.
    #[error(
        "Vary cannot be taken away, since caches would mix up answers; what is set is added to it"
    )]
    VaryRemoved,
}

/// Fields of the connection, of the framing, and of the representation that is chosen (RFC 9110, 7.6.1
/// and 8; RFC 9112, 6).
const DECIDED: [&str; 18] = [
    "accept-ranges",
    "allow",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "date",
    "etag",
    "host",
    "http2-settings",
    "keep-alive",
    "last-modified",
    "location",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Field {
    /// Parses a line whose rule has these placeholders.
    pub(crate) fn parse(text: &str, names: &[&str]) -> Result<Self, FieldError> {
        if let Some(name) = text.strip_prefix('!') {
            let name = field_name(name.trim())?;
            return match name.as_str() {
                "vary" => Err(FieldError::VaryRemoved),
                _ => Ok(Self { name, value: None }),
            };
        }
        let Some((name, value)) = text.split_once(':') else {
            let text = text.to_owned();
            return Err(FieldError::NoColon { text });
        };
        let (name, value) = (field_name(name)?, value.trim());
        check_value(&name, value)?;
        Ok(Self {
            name,
            value: Some(Template::parse(value, names)),
        })
    }

    /// In lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value for one path; `None` if the field is taken away.
    pub(crate) fn value(&self, captures: &Captures<'_>) -> Option<String> {
        // What comes from a path is encoded, and so never ends the line.
        let value = self.value.as_ref()?;
        Some(value.fill(captures, |text| encode_path(text).into_owned()))
    }
}

fn field_name(text: &str) -> Result<String, FieldError> {
    if !is_token(text) {
        let name = text.to_owned();
        return Err(FieldError::Name { name });
    }
    let name = text.to_ascii_lowercase();
    match name.as_str() {
        "basic-auth" => Err(FieldError::BasicAuth),
        decided if DECIDED.contains(&decided) => Err(FieldError::Decided { name }),
        _ => Ok(name),
    }
}

/// Checks a value that is written by hand: visible ASCII, spaces and tabs, at least one character.
///
/// # Errors
/// [`FieldError::NoValue`] and [`FieldError::Value`], which name the field.
pub fn check_value(name: &str, value: &str) -> Result<(), FieldError> {
    let is_good = |c: &char| matches!(c, ' '..='~' | '\t');
    if value.is_empty() {
        let name = name.to_owned();
        return Err(FieldError::NoValue { name });
    }
    match value.chars().find(|c| !is_good(c)) {
        Some(character) => Err(FieldError::Value {
            name: name.to_owned(),
            character,
        }),
        None => Ok(()),
    }
}

/// RFC 9110, 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_tchar)
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}: {value}", self.name),
            None => write!(f, "! {}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_set_or_taken_away() {
        let check = |text: &str, want: &str| {
            assert_eq!(Field::parse(text, &["id"]).unwrap().to_string(), want);
        };
        check("X-Frame-Options: DENY", "x-frame-options: DENY");
        check("Link:</a.css>; rel=preload", "link: </a.css>; rel=preload");
        check("X-Id:  :id :other ", "x-id: :id :other");
        check("! Cache-Control", "! cache-control");
        check("!X-A", "! x-a");
    }

    #[test]
    fn what_is_no_field_or_not_ours_to_set_is_refused_in_words() {
        #[track_caller]
        fn check(text: &str, want: &str) {
            let message = Field::parse(text, &[]).unwrap_err().to_string();
            assert!(message.contains(want), "{message}");
        }
        check("X-Frame-Options DENY", "neither a path");
        check("docs/*", "neither a path");
        check("X Frame: DENY", "no name of a field");
        check("X-Frame : DENY", "no name of a field");
        check(": x", "no name of a field");
        check("! ", "no name of a field");
        check("X-A:", "write: ! x-a");
        check("X-A: ü", "holds 'ü'");
        for name in [
            "Content-Length",
            "transfer-encoding",
            "Date",
            "ETag",
            "Connection",
            "Location",
        ] {
            check(&format!("{name}: 1"), "decided by the server");
            check(&format!("! {name}"), "decided by the server");
        }
        check("Basic-Auth: a:b", "passwords");
        check("! Vary", "added to it");
    }
}
