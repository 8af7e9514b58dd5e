//! Specifiers to files, as bundlers for workers do it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use oxc_resolver::{
    ResolveContext, ResolveError, ResolveOptions, Resolver as Oxc, TsConfig, TsconfigDiscovery,
};

use crate::facts::Syntax;

/// The conditions of package.json that hold in a worker; with `import` or `require`.
pub(crate) const CONDITIONS: [&str; 5] = ["workerd", "worker", "browser", "production", "default"];
/// The endings that a specifier may leave out.
pub(crate) const EXTENSIONS: [&str; 8] = [
    ".ts", ".tsx", ".mts", ".js", ".mjs", ".jsx", ".json", ".cjs",
];
/// In packages JavaScript goes first: what lies beside it is its source.
const PACKAGE_EXTENSIONS: [&str; 8] = [
    ".js", ".mjs", ".jsx", ".json", ".cjs", ".ts", ".tsx", ".mts",
];

/// What a specifier leads to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// A file, by its canonical path.
    File(PathBuf),
    /// Nothing, as the package says: `"browser": { "x": false }`.
    Empty,
}

/// Why a specifier leads nowhere.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It has a `?query`, which asks other bundlers for something.
    Query,
    NotFound(ResolveError),
}

/// Resolves specifiers; reads package.json and tsconfig.json files.
pub(crate) struct Resolver {
    /// For files of the site and of packages, each for `import` and `require`.
    site: [Oxc; 2],
    package: [Oxc; 2],
}

impl Resolver {
    pub(crate) fn new() -> Self {
        let import = Oxc::new(options(Syntax::Import, false));
        let like = |syntax, in_package| import.clone_with_options(options(syntax, in_package));
        let package = [like(Syntax::Import, true), like(Syntax::Require, true)];
        let require = like(Syntax::Require, false);
        Self {
            site: [import, require],
            package,
        }
    }

    /// What `specifier` means in a file.
    pub(crate) fn resolve(
        &self,
        file: &Path,
        specifier: &str,
        syntax: Syntax,
        config: Option<&TsConfig>,
    ) -> Result<Target, Failure> {
        let resolvers = if is_in_package(file) {
            &self.package
        } else {
            &self.site
        };
        let resolver = match syntax {
            Syntax::Import => &resolvers[0],
            Syntax::Require => &resolvers[1],
        };
        let folder = file.parent().unwrap_or(file);
        let mut context = ResolveContext::default();
        match resolver.resolve_with_context(folder, specifier, config, &mut context) {
            Ok(resolution) if resolution.query().is_some() => Err(Failure::Query),
            Ok(resolution) => Ok(Target::File(resolution.into_path_buf())),
            Err(ResolveError::Ignored(_)) => Ok(Target::Empty),
            Err(error) => Err(Failure::NotFound(error)),
        }
    }

    /// The configuration that includes a file.
    pub(crate) fn find_tsconfig(&self, file: &Path) -> Result<Option<Arc<TsConfig>>, ResolveError> {
        self.site[0].find_tsconfig(file)
    }

    /// The configuration in a file.
    pub(crate) fn read_tsconfig(&self, path: &Path) -> Result<Arc<TsConfig>, ResolveError> {
        self.site[0].resolve_tsconfig(path)
    }
}

/// Whether a file was installed.
pub(crate) fn is_in_package(file: &Path) -> bool {
    file.components()
        .any(|component| component.as_os_str() == "node_modules")
}

fn options(syntax: Syntax, in_package: bool) -> ResolveOptions {
    let texts = |texts: &[&str]| {
        texts
            .iter()
            .map(|&text| text.to_owned())
            .collect::<Vec<String>>()
    };
    let mut conditions = texts(&CONDITIONS);
    let main_fields = match syntax {
        Syntax::Import => {
            conditions.extend(texts(&["import", "module"]));
            texts(&["browser", "module", "main"])
        }
        // `require` of a module that is meant for bundlers would get its namespace, and wait for
        // it: what packages have for `require` runs at once.
        Syntax::Require => {
            conditions.extend(texts(&["require"]));
            texts(&["browser", "main"])
        }
    };
    // Compilers keep the ending of what TypeScript becomes in the specifier.
    let alias = |written: &str, meant: &[&str]| {
        let mut meant = texts(meant);
        if in_package {
            meant.rotate_right(1);
        }
        (written.to_owned(), meant)
    };
    ResolveOptions {
        alias_fields: vec![texts(&["browser"])],
        condition_names: conditions,
        extensions: texts(if in_package {
            &PACKAGE_EXTENSIONS
        } else {
            &EXTENSIONS
        }),
        extension_alias: vec![
            alias(".js", &[".ts", ".tsx", ".js"]),
            alias(".jsx", &[".tsx", ".jsx"]),
            alias(".mjs", &[".mts", ".mjs"]),
            alias(".cjs", &[".cts", ".cjs"]),
        ],
        main_fields,
        node_path: false,
        tsconfig: Some(TsconfigDiscovery::Auto),
        ..ResolveOptions::default()
    }
}
