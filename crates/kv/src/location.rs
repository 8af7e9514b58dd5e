//! Where data lives, as text says it.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// The port of a Redis server that names none.
const PORT: u16 = 6379;

/// Where data lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// As long as the process.
    Memory,
    /// In a file that only this process has open.
    File(PathBuf),
    /// On a Redis server, that other processes share.
    Redis(RedisLocation),
}

/// A Redis server and how to get in. Shown without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisLocation {
    pub(crate) tls: bool,
    /// A name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: u32,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
}

/// Why a text is no [`Location`]. No variant repeats what could be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// A scheme that is not known.
    #[error(
        "unknown kind of store `{scheme}://`; use `memory`, a file, `redis://host:port/db` or `rediss://host:port/db`"
    )]
    UnknownScheme {
        /// What stands before `://`.
        scheme: String,
    },
    /// Nothing at all.
    #[error("an empty place for the store; use `memory`, a file, or `redis://host:port/db`")]
    Empty,
    /// No host.
    #[error("the address of the Redis server has no host; write redis://host:port/db")]
    NoHost,
    /// The port is no number from 1 to 65535, or the address is cut off early.
    #[error(
        "the port of the Redis server must be a number from 1 to 65535; in a user or a password, write `/`, `@`, `:`, `?`, `#` and `%` as %XX"
    )]
    BadPort,
    /// The database is no number.
    #[error("the database of the Redis server must be a number, as in redis://host:port/0")]
    BadDatabase,
    /// A part that is not understood.
    #[error(
        "the address of the Redis server has a `{0}` part, which is not supported; in a user or a password, write it as %XX"
    )]
    ExtraPart(char),
    /// The user or the password is no UTF-8 text.
    #[error("the user or the password of the Redis server is not UTF-8 text")]
    BadCredentials,
}

impl Location {
    /// `memory`, `redis://[user[:password]@]host[:port][/db]`, `rediss://…`, or the path of a file.
    ///
    /// # Errors
    /// See [`LocationError`]. Whatever has no `://` in it is a path.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        match text.split_once("://") {
            Some(("redis", rest)) => Ok(Self::Redis(RedisLocation::parse(false, rest)?)),
            Some(("rediss", rest)) => Ok(Self::Redis(RedisLocation::parse(true, rest)?)),
            Some((scheme, _)) if is_scheme(scheme) => Err(LocationError::UnknownScheme {
                scheme: scheme.to_owned(),
            }),
            _ if text.is_empty() => Err(LocationError::Empty),
            _ if text == "memory" => Ok(Self::Memory),
            _ => Ok(Self::File(PathBuf::from(text))),
        }
    }
}

impl RedisLocation {
    /// The same server with another user and password; `None` keeps what it has.
    #[must_use]
    pub fn with_credentials(self, user: Option<String>, password: Option<String>) -> Self {
        Self {
            user: user.or(self.user),
            password: password.or(self.password),
            ..self
        }
    }

    /// Host and port, for messages.
    pub(crate) fn server(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    fn parse(tls: bool, rest: &str) -> Result<Self, LocationError> {
        if let Some(extra) = rest.chars().find(|part| matches!(part, '?' | '#')) {
            return Err(LocationError::ExtraPart(extra));
        }
        let (authority, database) = match rest.split_once('/') {
            Some((authority, database)) => (authority, parse_database(database)?),
            None => (rest, 0),
        };
        let (credentials, address) = match authority.rsplit_once('@') {
            Some((credentials, address)) => (credentials, address),
            None => ("", authority),
        };
        let (user, password) = parse_credentials(credentials)?;
        let (host, port) = parse_address(address)?;
        Ok(Self {
            tls,
            host,
            port,
            database,
            user,
            password,
        })
    }
}

/// Not the password, and not the user either: what stands in a log is not to help anybody in.
impl fmt::Display for RedisLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        write!(f, "{scheme}://{}/{}", self.server(), self.database)
    }
}

impl fmt::Debug for RedisLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisLocation({self})")
    }
}

fn is_scheme(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn parse_database(text: &str) -> Result<u32, LocationError> {
    if text.is_empty() {
        return Ok(0);
    }
    digits(text).ok_or(LocationError::BadDatabase)
}

fn parse_credentials(text: &str) -> Result<(Option<String>, Option<String>), LocationError> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(decode(password)?)),
        None => (text, None),
    };
    let user = Some(decode(user)?).filter(|user| !user.is_empty());
    Ok((user, password.filter(|password| !password.is_empty())))
}

fn decode(text: &str) -> Result<String, LocationError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| LocationError::BadCredentials)
}

fn parse_address(text: &str) -> Result<(String, u16), LocationError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or(LocationError::NoHost)?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    if host.is_empty() {
        return Err(LocationError::NoHost);
    }
    let port = match port.strip_prefix(':') {
        Some(port) => digits(port)
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port != 0)
            .ok_or(LocationError::BadPort)?,
        None if port.is_empty() => PORT,
        None => return Err(LocationError::BadPort),
    };
    Ok((host.to_owned(), port))
}

/// A number without a sign.
fn digits(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(())?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis(text: &str) -> RedisLocation {
        match Location::parse(text) {
            Ok(Location::Redis(location)) => location,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn memory_and_files() {
        assert_eq!(Location::parse("memory"), Ok(Location::Memory));
        for path in [
            "kv.db",
            "./memory",
            "/var/lib/app/kv",
            "a:b",
            "/x/redis://y",
        ] {
            assert_eq!(
                Location::parse(path),
                Ok(Location::File(path.into())),
                "{path}"
            );
        }
        assert_eq!(Location::parse(""), Err(LocationError::Empty));
    }

    #[test]
    fn redis_addresses() {
        #[track_caller]
        fn check(text: &str, shown: &str, user: Option<&str>, password: Option<&str>) {
            let location = redis(text);
            assert_eq!(location.to_string(), shown);
            assert_eq!(location.user.as_deref(), user);
            assert_eq!(location.password.as_deref(), password);
        }
        check("redis://h", "redis://h:6379/0", None, None);
        check("redis://h:1/", "redis://h:1/0", None, None);
        check("rediss://h/15", "rediss://h:6379/15", None, None);
        check("redis://[::1]:7", "redis://[::1]:7/0", None, None);
        check("redis://[::1]/3", "redis://[::1]:6379/3", None, None);
        check("redis://:pw@h", "redis://h:6379/0", None, Some("pw"));
        check("redis://u@h", "redis://h:6379/0", Some("u"), None);
        check(
            "redis://u%40:p%3A%2f@h:9/1",
            "redis://h:9/1",
            Some("u@"),
            Some("p:/"),
        );
        check(
            "redis://u:p@w@h",
            "redis://h:6379/0",
            Some("u"),
            Some("p@w"),
        );
    }

    #[test]
    fn what_is_wrong_is_said_and_the_password_is_not() {
        #[track_caller]
        fn check(text: &str, want: &LocationError) {
            let error = Location::parse(text).unwrap_err();
            assert_eq!(&error, want, "{text}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
        check("redis://", &LocationError::NoHost);
        check("redis://:secret@", &LocationError::NoHost);
        check("redis://h:0", &LocationError::BadPort);
        check("redis://h:65536", &LocationError::BadPort);
        check("redis://h:+1", &LocationError::BadPort);
        check("redis://:secret/x@h", &LocationError::BadDatabase);
        check("redis://u:secret", &LocationError::BadPort);
        check("redis://h/secret", &LocationError::BadDatabase);
        check("redis://h?secret=1", &LocationError::ExtraPart('?'));
        check("redis://:secret%ff@h", &LocationError::BadCredentials);
        let unknown = LocationError::UnknownScheme {
            scheme: "mysql".to_owned(),
        };
        check("mysql://secret@h", &unknown);
    }

    #[test]
    fn credentials_from_elsewhere_win_and_are_not_shown() {
        let location = redis("redis://a:b@h").with_credentials(None, Some("secret".to_owned()));
        assert_eq!(location.user.as_deref(), Some("a"));
        assert_eq!(location.password.as_deref(), Some("secret"));
        assert!(!format!("{location} {location:?}").contains("secret"));
    }
}
