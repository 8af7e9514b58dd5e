//! What is wrong with a line, and what to write instead.

use crate::field::FieldError;
use crate::lines::{FILE_BYTES_MAX, LINE_BYTES_MAX};
use crate::pattern::PatternError;
use crate::target::TargetError;
use crate::{RULES_MAX, WILD_RULES_MAX};

/// One line to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {error}")]
pub struct Problem {
    /// The file, as the caller named it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// What is wrong.
    pub error: RuleError,
}

/// Why a line is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The whole file.
    #[error("the file has {bytes} bytes, at most {FILE_BYTES_MAX} are read")]
    FileTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The line.
    #[error("the line has {bytes} bytes, at most {LINE_BYTES_MAX} are read")]
    LineTooLong {
        /// Its length.
        bytes: usize,
    },
    /// Bytes that are no text.
    #[error("this line is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    /// Something that no editor shows.
    #[error("the line holds the control character {character:?}; remove it")]
    ControlCharacter {
        /// Which.
        character: char,
    },
    /// One rule more than there may be.
    #[error("the file has more than {RULES_MAX} rules; join some of them with * or a placeholder")]
    TooManyRules,
    /// A path to match.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A redirect's target.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A header field.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// `/only-this`.
    #[error("{from:?} leads nowhere; write a rule as: from to [status]")]
    NoTarget {
        /// What stands there.
        from: String,
    },
    /// `id=:id` between the paths.
    #[error(
        "{condition:?} matches on the query, which is not supported; the query of a request is passed \
         on to the target, and a worker can decide on it"
    )]
    QueryCondition {
        /// What stands there.
        condition: String,
    },
    /// `Country=us`, and the like.
    #[error(
        "{condition:?} is a condition, and rules with conditions (Country, Language, Cookie, Role) are \
         not supported; remove the rule, or let a worker decide"
    )]
    Condition {
        /// What stands there.
        condition: String,
    },
    /// A third word that is no status.
    #[error("{found:?} is no status; write one of {STATUSES}, with ! after it to go before a file")]
    NotAStatus {
        /// What stands there.
        found: String,
    },
    /// A status that no rule has.
    #[error("{status} is no status of a rule; write one of {STATUSES}")]
    OtherStatus {
        /// What stands there.
        status: u16,
    },
    /// `200` with an origin.
    #[error(
        "200 would fetch {to} from another server, and this server is no proxy; write 301 or 302 to \
         send clients there, or a path of this site"
    )]
    RewriteElsewhere {
        /// The target.
        to: String,
    },
    /// `404` with an origin.
    #[error("{status} needs a page of this site as its body, and {to} is none")]
    PageElsewhere {
        /// The status.
        status: u16,
        /// The target.
        to: String,
    },
    /// A `*` in the middle.
    #[error(
        "in {from:?} the * is not all of the last segment; in _redirects write it there, as in \
         \"/blog/*\", or use a placeholder such as :name for one segment"
    )]
    SplatNotLast {
        /// The pattern.
        from: String,
    },
    /// `/post-:id /p/:id`.
    #[error(
        "in {from:?} the placeholder :{name} is not a whole segment; it has to stand between two slashes"
    )]
    PartialPlaceholder {
        /// The pattern.
        from: String,
        /// The placeholder.
        name: String,
    },
    /// A rule that leads to itself.
    #[error("the rule leads to itself: a slash at the end of a path makes no difference to it")]
    SelfRedirect,
    /// Rules that lead to each other.
    #[error("{}", loop_message(path, lines))]
    Loop {
        /// A path that never arrives.
        path: String,
        /// The lines of the rules, in the order in which they are met.
        lines: Vec<u32>,
    },
    /// `Name: value` before any path.
    #[error("this field belongs to no path; write the path in a line before it")]
    FieldWithoutPath,
    /// A path with nothing below it.
    #[error("the path {path:?} has no fields; write them in lines after it, as Name: value")]
    PathWithoutFields {
        /// The path.
        path: String,
    },
    /// A path with a host, in `_headers`.
    #[error(
        "rules for one host are not supported in _headers; write the path alone: {path:?}, which holds \
         for all hosts, or bundle the site for that host as an app of its own"
    )]
    HostInHeaders {
        /// What to write.
        path: String,
    },
    /// One wild rule more than there may be.
    #[error(
        "the file has more than {WILD_RULES_MAX} rules whose * is not all of the last segment; each of \
         them costs time"
    )]
    TooManyWild,
    /// More fields than a rule may have.
    #[error("the rule has more than {max} fields")]
    TooManyFields {
        /// How many it may have.
        max: usize,
    },
}

/// What a rule may say.
const STATUSES: &str = "301, 302, 303, 307, 308, 200, 404, 410, 451";

fn loop_message(path: &str, lines: &[u32]) -> String {
    let lines: Vec<String> = lines.iter().map(u32::to_string).collect();
    let lines = match lines.as_slice() {
        [line] => format!("line {line}"),
        lines => format!("lines {}", lines.join(", ")),
    };
    format!(
        "a request for {path} is sent on for ever, by {lines}; let one of them lead elsewhere, or put a \
         rule before them for where they lead to"
    )
}
