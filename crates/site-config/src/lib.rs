//! The TOML files of a site, parsed into types, with `file:line:column` for every problem.
//!
//! | file                        | keys                                          | result           |
//! |-----------------------------|-----------------------------------------------|------------------|
//! | `name.toml` beside a worker | name, version, all tables below but the last  | [`WorkerConfig`] |
//! | `wws.toml` at the site root | `[site]`, `[cors]`, `[limits]`, `[workers]`   | [`SiteConfig`]   |
//!
//! | table                      | keys                                                      |
//! |----------------------------|-----------------------------------------------------------|
//! | `[vars]`                   | names of variables                                        |
//! | `[limits]`                 | [`LIMIT_NAMES`](limits::LIMIT_NAMES)                      |
//! | `[worker]`                 | reuse (1 to 1,000,000), body (`"text"` or `"stream"`)     |
//! | `[features.http_requests]` | allowed_hosts, allowed_methods, allow_http, allow_private |
//! | `[data.kv]`                | namespace (1 to 128 bytes), retry (true or false)         |
//! | `[workers]`                | scripts (an array of glob patterns)                       |
//! | `[site]`                   | spa, html, not_found, cache, security_headers             |
//! | `[cors]`                   | origins, methods, headers, credentials                    |
//!
//! A file is either understood whole or refused with all its problems at once; nothing in it
//! is ever skipped in silence. What is right in a refused `wws.toml` is given all the same, so that
//! one run can also say what the whole site finds wrong with it. Keys of Wasm Workers Server that this version cannot honour are
//! problems too. What only the whole site can tell is left to the bundler, with the [`Place`] to
//! report it at. Not here: finding the files, and what kind of worker there is (the bundler), the
//! bounds of limits (`limits`), which calls pass (`outbound-rules`), reading the environment (the
//! app, when it starts).

mod cors_table;
mod data;
mod document;
mod features;
mod keys;
mod limits_table;
mod script_patterns;
mod site;
mod site_table;
mod vars;
mod worker;
mod worker_table;

pub use crate::data::KvConfig;
pub use crate::document::FILE_BYTES_MAX;
pub use crate::script_patterns::ScriptPattern;
pub use crate::site::{SiteConfig, parse_site_config};
pub use crate::site_table::{CacheRule, SiteTable};
pub use crate::vars::VarValue;
pub use crate::worker::{WorkerConfig, parse_worker_config};
pub use crate::worker_table::{BodyForm, REUSE_BOUNDS};

/// One thing to change in a file, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct Problem {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong and what to do about it, in one line.
    pub message: String,
}

/// Where something stands in a file that could be read, for problems that only show later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// A value, and where its key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed<T> {
    /// What was written.
    pub value: T,
    /// Where the key begins.
    pub place: Place,
}

impl Place {
    /// A problem with what stands here in `file`.
    pub fn problem(self, file: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem {
            file: file.into(),
            line: self.line,
            column: self.column,
            message: message.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_editors_and_terminals_link_it() {
        let place = Place { line: 3, column: 7 };
        let problem = place.problem("api/a.toml", "odd");
        assert_eq!(problem.to_string(), "api/a.toml:3:7: odd");
    }
}
