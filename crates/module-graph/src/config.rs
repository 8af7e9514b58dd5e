//! The nearest tsconfig.json or jsconfig.json of a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oxc_resolver::{ResolveError, TsConfig};

use crate::position::number;
use crate::problem::Problem;
use crate::resolve::{Resolver, is_in_package};

/// Configurations by folder.
#[derive(Default)]
pub(crate) struct Configs {
    nearest: BTreeMap<PathBuf, Option<PathBuf>>,
}

/// A configuration that cannot be read.
pub(crate) struct BadConfig {
    pub(crate) path: PathBuf,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) message: String,
}

impl Configs {
    /// The configuration for a file. Packages have none: those that ship theirs do not ship what
    /// it extends.
    pub(crate) fn of(
        &mut self,
        file: &Path,
        resolver: &Resolver,
    ) -> Result<Option<Arc<TsConfig>>, BadConfig> {
        if is_in_package(file) {
            return Ok(None);
        }
        let bad = |path: &Path, error: &ResolveError| BadConfig::new(path, error);
        let Some(nearest) = file.parent().and_then(|folder| self.nearest(folder)) else {
            return Ok(None);
        };
        // Goes through references too, to the configuration that includes the file.
        match resolver.find_tsconfig(file) {
            Ok(Some(config)) => Ok(Some(config)),
            Ok(None) => resolver
                .read_tsconfig(&nearest)
                .map(Some)
                .map_err(|e| bad(&nearest, &e)),
            Err(error) => Err(bad(&nearest, &error)),
        }
    }

    fn nearest(&mut self, folder: &Path) -> Option<PathBuf> {
        if let Some(known) = self.nearest.get(folder) {
            return known.clone();
        }
        let names = ["tsconfig.json", "jsconfig.json"];
        let mut here = names.into_iter().map(|name| folder.join(name));
        let found = here
            .find(|path| path.is_file())
            .or_else(|| folder.parent().and_then(|parent| self.nearest(parent)));
        self.nearest.insert(folder.to_owned(), found.clone());
        found
    }
}

impl BadConfig {
    fn new(path: &Path, error: &ResolveError) -> Self {
        let at = |path: &Path, line, column, message: String| Self {
            path: path.to_owned(),
            line,
            column,
            message,
        };
        match error {
            ResolveError::TsconfigLoadFailed { path, source } => Self::new(path, source),
            ResolveError::Json(error) => {
                let message = error.message.rsplit_once(" at line ");
                let message = message.map_or(&*error.message, |(message, _)| message);
                let (line, column) = (number(error.line.max(1)), number(error.column.max(1)));
                at(
                    &error.path,
                    line,
                    column,
                    format!("this cannot be read: {message}"),
                )
            }
            ResolveError::TsconfigNotFound(_) | ResolveError::NotFound(_) => {
                let message = "it extends or refers to a configuration that is not there; install \
                               or remove it";
                at(path, 1, 1, message.to_owned())
            }
            ResolveError::TsconfigCircularExtend(_) | ResolveError::TsconfigSelfReference(_) => {
                at(path, 1, 1, "it extends or refers to itself".to_owned())
            }
            _ => at(path, 1, 1, "it cannot be read".to_owned()),
        }
    }

    /// `name` is that of its path.
    pub(crate) fn problem(self, name: &str) -> Problem {
        let Self {
            line,
            column,
            message,
            ..
        } = self;
        Problem {
            line,
            column,
            ..Problem::of_file(name, message)
        }
    }
}
