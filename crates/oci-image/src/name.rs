//! The name of an image, such as `shop`, `shop:1.2` or `registry.example:5000/team/shop:1.2`.

use std::fmt;

/// The longest that a name can be without its tag, with the registry that it is completed by.
const NAME_BYTES_MAX: usize = 255;

/// The longest that a tag can be.
const TAG_BYTES_MAX: usize = 128;

/// The tag of a name that has none.
const LATEST: &str = "latest";

/// A name and a tag, in the grammar of the OCI distribution spec (pull.md) that all tools accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// `host[:port]/…`, or only the path.
    repository: String,
    tag: String,
}

/// Why a text is no name of an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing before the tag.
    #[error("an image needs a name, such as shop or registry.example/shop:1.2")]
    Empty,
    /// Too long.
    #[error("the name of an image has at most {NAME_BYTES_MAX} characters")]
    TooLong,
    /// A part between two slashes.
    #[error(
        "{part:?} cannot be in the name of an image: between slashes there are lower-case letters \
         and digits, with one of `.`, `_`, `__` or any number of `-` between them"
    )]
    Part {
        /// The part.
        part: String,
    },
    /// What stands before the first slash.
    #[error("{host:?} is no registry: write its name or address, and perhaps a port")]
    Host {
        /// It.
        host: String,
    },
    /// What stands behind the last colon.
    #[error(
        "{tag:?} cannot be the tag of an image: it has letters, digits, `_`, `.` and `-`, begins with \
         neither of the last two, and has at most {TAG_BYTES_MAX} characters"
    )]
    Tag {
        /// It.
        tag: String,
    },
    /// An image by its hash has no other name.
    #[error("a name with a digest (@sha256:…) cannot be given to a new image; leave it out")]
    Digest,
}

impl ImageName {
    /// Parses `[HOST[:PORT]/]PATH[:TAG]`; without a tag it is `latest`.
    ///
    /// # Errors
    ///
    /// See [`NameError`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.contains('@') {
            return Err(NameError::Digest);
        }
        let path_at = text.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match text[path_at..].split_once(':') {
            Some((name, tag)) => (&text[..path_at + name.len()], tag),
            None => (text, LATEST),
        };
        if repository.is_empty() {
            return Err(NameError::Empty);
        }
        if !is_tag(tag) {
            return Err(NameError::Tag {
                tag: tag.to_owned(),
            });
        }
        let (host, path) = split_host(repository);
        if let Some(host) = host
            && !is_host(host)
        {
            return Err(NameError::Host {
                host: host.to_owned(),
            });
        }
        if let Some(part) = path.split('/').find(|part| !is_part(part)) {
            return Err(NameError::Part {
                part: part.to_owned(),
            });
        }
        let name = Self {
            repository: repository.to_owned(),
            tag: tag.to_owned(),
        };
        match name.canonical().len() - name.tag.len() - 1 > NAME_BYTES_MAX {
            true => Err(NameError::TooLong),
            false => Ok(name),
        }
    }

    /// The name that fits a file: its letters and digits, with `-` for anything between them.
    pub fn of_file(stem: &str) -> Self {
        let parts: Vec<&str> = stem
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|part| !part.is_empty())
            .collect();
        let mut name = parts.join("-").to_ascii_lowercase();
        // Room for `docker.io/library/`.
        name.truncate(NAME_BYTES_MAX - 32);
        let repository = match name.trim_end_matches('-') {
            "" => "app",
            name => name,
        };
        Self {
            repository: repository.to_owned(),
            tag: LATEST.to_owned(),
        }
    }

    /// The last part of the path.
    pub fn title(&self) -> &str {
        match self.repository.rsplit_once('/') {
            Some((_, title)) => title,
            None => &self.repository,
        }
    }

    /// The tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The tag, if it says more than that this is the latest image.
    pub fn version(&self) -> Option<&str> {
        Some(self.tag.as_str()).filter(|tag| *tag != LATEST)
    }

    /// With the registry and the folder that Docker completes a short name by.
    pub fn canonical(&self) -> String {
        match split_host(&self.repository) {
            (Some(_), _) => self.to_string(),
            (None, path) if path.contains('/') => format!("docker.io/{self}"),
            (None, _) => format!("docker.io/library/{self}"),
        }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

/// What stands before the first slash is a registry if it looks like one.
fn split_host(repository: &str) -> (Option<&str>, &str) {
    match repository.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => {
            (Some(host), path)
        }
        _ => (None, repository),
    }
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    let is_label = |label: &str| {
        label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.split('.').all(is_label) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// Letters and digits, with a separator between each two runs of them.
fn is_part(part: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = part.split(is_plain).filter(|run| !run.is_empty());
    let fits = |run: &str| matches!(run, "." | "_" | "__") || run.chars().all(|c| c == '-');
    part.starts_with(is_plain) && part.ends_with(is_plain) && separators.into_iter().all(fits)
}

fn is_tag(tag: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= TAG_BYTES_MAX
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|b| is_word(b) || b == b'.' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_as_docker_reads_them() {
        #[track_caller]
        fn check(text: &str, want: &str, canonical: &str, title: &str, version: Option<&str>) {
            let name = ImageName::parse(text).unwrap();
            assert_eq!(name.to_string(), want);
            assert_eq!(name.canonical(), canonical);
            assert_eq!((name.title(), name.version()), (title, version));
        }
        check(
            "shop",
            "shop:latest",
            "docker.io/library/shop:latest",
            "shop",
            None,
        );
        check(
            "shop:1.2",
            "shop:1.2",
            "docker.io/library/shop:1.2",
            "shop",
            Some("1.2"),
        );
        check(
            "me/shop:latest",
            "me/shop:latest",
            "docker.io/me/shop:latest",
            "shop",
            None,
        );
        let full = "registry.example:5000/a/b__c/d--e.f:V_1";
        check(full, full, full, "d--e.f", Some("V_1"));
        let local = "localhost/shop:latest";
        check("localhost/shop", local, local, "shop", None);
    }

    #[test]
    fn what_no_tool_would_take_is_refused() {
        #[track_caller]
        fn check(text: &str, want: &str) {
            let message = ImageName::parse(text).unwrap_err().to_string();
            assert!(message.contains(want), "{text}: {message}");
        }
        check("", "needs a name");
        check(":1", "needs a name");
        check("Shop", "\"Shop\" cannot be in the name");
        check("a//b", "\"\" cannot be in the name");
        check("a/-b", "\"-b\" cannot be");
        check("a___b", "cannot be in the name");
        check("a..b", "cannot be in the name");
        check("shop:", "\"\" cannot be the tag");
        check("shop:.1", "\".1\" cannot be the tag");
        check("shop:a:b", "\"a:b\" cannot be the tag");
        check(&format!("shop:{}", "1".repeat(129)), "cannot be the tag");
        check("a.b:x/shop", "\"a.b:x\" is no registry");
        check("-.example/shop", "is no registry");
        check("shop@sha256:00", "digest");
        check(&"a".repeat(256), "at most 255");
        check(&"a".repeat(240), "at most 255");
    }

    #[test]
    fn a_file_gives_a_name_that_can_be_parsed() {
        #[track_caller]
        fn check(stem: &str, want: &str) {
            assert_eq!(ImageName::of_file(stem).to_string(), want);
        }
        check("app", "app:latest");
        check("My Shop_v2.0", "my-shop-v2-0:latest");
        check("日本", "app:latest");
        check("", "app:latest");
    }

    proptest! {
        #[test]
        fn every_name_reads_back_as_itself(text in "[a-z0-9._:/@A-Z-]{0,40}") {
            if let Ok(name) = ImageName::parse(&text) {
                prop_assert_eq!(ImageName::parse(&name.to_string()), Ok(name.clone()));
                let canonical = ImageName::parse(&name.canonical()).unwrap();
                prop_assert_eq!(canonical.title(), name.title());
            }
        }

        #[test]
        fn every_file_gives_a_name(stem in "\\PC{0,400}") {
            let name = ImageName::of_file(&stem);
            prop_assert_eq!(ImageName::parse(&name.to_string()), Ok(name.clone()));
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC*") {
            let _ = ImageName::parse(&text);
        }
    }
}
