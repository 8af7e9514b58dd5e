//! What `--user` says.

use std::fmt;

/// A user, and perhaps a group, each by name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserChoice {
    pub(super) user: Key,
    pub(super) group: Option<Key>,
}

/// How an account is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Number(u32),
    Name(String),
}

/// Why a text is no user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserChoiceError {
    /// Neither a name nor a number that a user can have.
    #[error(
        "{text:?} is no user or group; write a name, or a number below 4294967295, such as \
         65532:65532"
    )]
    Key {
        /// The part.
        text: String,
    },
    /// That would give up nothing.
    #[error("the user has to be another one than root")]
    Root,
}

impl UserChoice {
    /// Parses `USER[:GROUP]`.
    ///
    /// # Errors
    ///
    /// See [`UserChoiceError`].
    pub fn parse(text: &str) -> Result<Self, UserChoiceError> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let user = Key::parse(user)?;
        if user == Key::Number(0) {
            return Err(UserChoiceError::Root);
        }
        let group = group.map(Key::parse).transpose()?;
        Ok(Self { user, group })
    }
}

impl Key {
    fn parse(text: &str) -> Result<Self, UserChoiceError> {
        let wrong = || UserChoiceError::Key {
            text: text.to_owned(),
        };
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            // The last one means "leave it as it is" to the system calls.
            return match text.parse() {
                Ok(number) if number != u32::MAX => Ok(Self::Number(number)),
                _ => Err(wrong()),
            };
        }
        // What could not stand in a field of /etc/passwd.
        let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && c != ':' && c != '/';
        match !text.is_empty() && text.len() <= 256 && text.chars().all(is_plain) {
            true => Ok(Self::Name(text.to_owned())),
            false => Err(wrong()),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_user_is_a_name_or_a_number_with_or_without_a_group() {
        #[track_caller]
        fn check(text: &str, user: Key, group: Option<Key>) {
            assert_eq!(UserChoice::parse(text), Ok(UserChoice { user, group }));
        }
        let name = |text: &str| Key::Name(text.to_owned());
        check("65532", Key::Number(65532), None);
        check("65532:0", Key::Number(65532), Some(Key::Number(0)));
        check("www-data", name("www-data"), None);
        check("www-data:adm", name("www-data"), Some(name("adm")));
        check("1a:007", name("1a"), Some(Key::Number(7)));
    }

    #[test]
    fn what_is_no_user_is_refused() {
        #[track_caller]
        fn check(text: &str, want: &str) {
            let message = UserChoice::parse(text).unwrap_err().to_string();
            assert!(message.contains(want), "{text}: {message}");
        }
        check("0", "another one than root");
        check("00:5", "another one than root");
        check("", "\"\" is no user");
        check(":5", "\"\" is no user");
        check("a:", "\"\" is no user");
        check("4294967295", "below 4294967295");
        check("1:4294967296", "below 4294967295");
        check("a b", "is no user");
        check("a:b:c", "\"b:c\" is no user");
        check("../x", "is no user");
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC*") {
            let _ = UserChoice::parse(&text);
        }
    }
}
