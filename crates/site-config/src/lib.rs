//! The TOML files of a site, parsed into types, with `file:line:column` for every problem.
//!
//! | file                            | keys                                | result           |
//! |---------------------------------|-------------------------------------|------------------|
//! | `name.toml` beside `name.wasm`  | name, version, `[vars]`, `[limits]` | [`WorkerConfig`] |
//! | `wws.toml` at the site root     | `[limits]`                          | [`SiteConfig`]   |
//!
//! A file is either understood whole or refused with all its problems at once; nothing in it
//! is ever skipped in silence. Keys of Wasm Workers Server that this version cannot honour are
//! problems too. Not here: finding the files (the bundler), the bounds of limits (`limits`),
//! reading the environment (the app, when it starts).

mod document;
mod keys;
mod limits_table;
mod site;
mod vars;
mod worker;

pub use crate::document::FILE_BYTES_MAX;
pub use crate::site::{SiteConfig, parse_site_config};
pub use crate::vars::VarValue;
pub use crate::worker::{WorkerConfig, parse_worker_config};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_editors_and_terminals_link_it() {
        let problem = Problem {
            file: "api/a.toml".into(),
            line: 3,
            column: 7,
            message: "odd".into(),
        };
        assert_eq!(problem.to_string(), "api/a.toml:3:7: odd");
    }
}
