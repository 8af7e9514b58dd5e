//! Why a specifier leads nowhere, in words that say what to do.

use std::fs;
use std::path::{Path, PathBuf};

use oxc_resolver::ResolveError;

use crate::builtins;
use crate::facts::Syntax;
use crate::names::Names;
use crate::resolve::{CONDITIONS, EXTENSIONS, Failure};
use crate::suggest::nearest;

/// Why a specifier is refused before anything is looked up.
pub(crate) fn refused(specifier: &str) -> Option<String> {
    if specifier.trim().is_empty() {
        return Some("the specifier is empty".to_owned());
    }
    if specifier.starts_with(['/', '\\']) {
        return Some(format!(
            "\"{specifier}\" is a path of one machine; write where the file lies from here, such \
             as \"./x.js\""
        ));
    }
    let (scheme, rest) = specifier.split_once(':')?;
    let is_scheme = scheme.starts_with(|char: char| char.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char));
    if !is_scheme {
        return None;
    }
    let when = "imports are resolved when bundling";
    Some(match scheme {
        "node" => builtins::message(specifier),
        "http" | "https" => format!(
            "\"{specifier}\" is on the network, and {when} from files; install the package into \
             node_modules, or save the file in the site"
        ),
        "npm" | "jsr" => {
            let package = package_name(rest.trim_start_matches('/'));
            let package = versionless(package);
            let tool = if scheme == "npm" {
                "npm install"
            } else {
                "npx jsr add"
            };
            format!(
                "\"{specifier}\" names a registry, and {when} from files; run `{tool} {package}` \
                 and import \"{package}\""
            )
        }
        "data" | "blob" => format!("a {scheme}: URL cannot be imported; write a file"),
        "file" => format!(
            "\"{specifier}\" is a path of one machine; write where the file lies from here, such \
             as \"./x.js\""
        ),
        _ => format!(
            "\"{specifier}\" is a module of another runtime; {when} from files of the site and \
             packages in node_modules"
        ),
    })
}

/// What to say about a specifier that was looked up in vain.
pub(crate) struct Lookup<'l> {
    pub(crate) specifier: &'l str,
    pub(crate) syntax: Syntax,
    /// The file that has it.
    pub(crate) file: &'l Path,
}

impl Lookup<'_> {
    pub(crate) fn message(&self, failure: &Failure, names: &mut Names) -> String {
        let specifier = self.specifier;
        let error = match failure {
            Failure::Query => {
                return format!(
                    "\"{specifier}\" ends in a query, which only other bundlers understand; \
                     import the file without it"
                );
            }
            Failure::NotFound(error) => error,
        };
        match error {
            ResolveError::Json(error) => {
                let message = error.message.rsplit_once(" at line ");
                let message = message.map_or(&*error.message, |(message, _)| message);
                let (file, line, column) = (names.name(&error.path), error.line, error.column);
                format!(
                    "\"{specifier}\" cannot be looked up: {file}:{line}:{column} is not JSON: \
                     {message}"
                )
            }
            ResolveError::PackagePathNotExported {
                package_json_path, ..
            } => {
                let manifest = names.name(package_json_path);
                let syntax = match self.syntax {
                    Syntax::Import => "import",
                    Syntax::Require => "require",
                };
                format!(
                    "\"{specifier}\" is not for workers: \"exports\" in {manifest} has nothing for \
                     it under the conditions {}, {syntax}",
                    CONDITIONS.join(", ")
                )
            }
            ResolveError::InvalidPackageTarget(_, _, path)
            | ResolveError::InvalidPackageConfig(path)
            | ResolveError::InvalidPackageConfigDefault(path)
            | ResolveError::InvalidPackageConfigDirectory(path)
            | ResolveError::InvalidModuleSpecifier(_, path) => format!(
                "\"{specifier}\" cannot be looked up: \"exports\" or \"imports\" in {} is not as \
                 Node.js defines it",
                names.name(path)
            ),
            ResolveError::PackageImportNotDefined(_, path) => {
                format!("\"imports\" in {} has no \"{specifier}\"", names.name(path))
            }
            ResolveError::Recursion => {
                format!("\"{specifier}\" leads in a circle through aliases")
            }
            _ if specifier.starts_with("./") || specifier.starts_with("../") => self.no_file(names),
            _ if matches!(specifier, "." | "..") => self.no_file(names),
            _ if specifier.starts_with('#') => format!(
                "\"{specifier}\" is an import of the package itself, and no package.json above \
                 has it among its \"imports\""
            ),
            _ => self.no_package(names),
        }
    }

    fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(self.file)
    }

    fn no_file(&self, names: &mut Names) -> String {
        let specifier = self.specifier;
        let wanted = plain(&self.folder().join(specifier));
        let name = names.name(&wanted);
        let file = wanted
            .file_name()
            .map(|file| file.to_string_lossy().into_owned());
        let file = file.unwrap_or_default();
        if ["ts", "mts", "cts"]
            .iter()
            .any(|ending| sibling(&wanted, &format!(".d.{ending}")))
        {
            return format!(
                "\"{specifier}\" only declares types, there is nothing in it to run; write \
                 `import type`"
            );
        }
        let siblings = wanted.parent().map(entries).unwrap_or_default();
        let stem = |name: &str| -> String {
            let ending = EXTENSIONS.iter().find(|&&ending| name.ends_with(ending));
            ending
                .and_then(|ending| name.strip_suffix(ending))
                .unwrap_or(name)
                .to_owned()
        };
        let stems: Vec<String> = siblings.iter().map(|name| stem(name)).collect();
        let near = nearest(&stem(&file), stems.iter().map(String::as_str));
        let near = near.and_then(|near| stems.iter().position(|stem| stem == near));
        let hint = match near.and_then(|place| siblings.get(place)) {
            Some(near) => {
                let path = specifier.rsplit_once('/').map_or(".", |(path, _)| path);
                format!("; did you mean \"{path}/{near}\"?")
            }
            None => String::new(),
        };
        let tried = EXTENSIONS.join(" ");
        format!(
            "there is no \"{specifier}\": no file {name}, also not with one of {tried}, and no \
             folder of that name with an index file{hint}"
        )
    }

    fn no_package(&self, names: &mut Names) -> String {
        let specifier = self.specifier;
        let package = package_name(specifier);
        let installed = self.folder().ancestors().find_map(|folder| {
            let path = folder.join("node_modules").join(package);
            path.is_dir().then_some(path)
        });
        if let Some(path) = installed {
            let name = names.name(&path);
            return if specifier == package {
                format!(
                    "\"{specifier}\" is installed in {name}, but its package.json leads to no \
                     file for workers; install it again, or import a file of it"
                )
            } else {
                format!("\"{specifier}\" is not there: the package in {name} has no such file")
            };
        }
        if builtins::is_node_builtin(specifier) {
            return builtins::message(specifier);
        }
        let is_package = package
            .trim_start_matches('@')
            .starts_with(|char: char| char.is_ascii_alphanumeric())
            && !package.starts_with("@/");
        if !is_package {
            return format!(
                "\"{specifier}\" is no package, and no alias: \"paths\" in the tsconfig.json that \
                 includes this file does not have it"
            );
        }
        let here = wanted_file(self.folder(), specifier);
        let hint = match here {
            true => format!(", or write \"./{specifier}\" for the file beside this one"),
            false => String::new(),
        };
        let folder = names.name(self.folder());
        let place = if folder.is_empty() {
            "the site".to_owned()
        } else {
            format!("{folder}/")
        };
        format!(
            "the package \"{package}\" is in no node_modules folder of {place} or above; run \
             `npm install {package}`{hint}"
        )
    }
}

/// The package of a bare specifier: `a` of `a/b`, `@a/b` of `@a/b/c`.
fn package_name(specifier: &str) -> &str {
    let parts = if specifier.starts_with('@') { 2 } else { 1 };
    match specifier.match_indices('/').nth(parts - 1) {
        Some((end, _)) => &specifier[..end],
        None => specifier,
    }
}

/// `a` of `a@^1.0`.
fn versionless(package: &str) -> &str {
    match package.rfind('@') {
        Some(at) if at > 0 => &package[..at],
        _ => package,
    }
}

/// Without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            std::path::Component::ParentDir => _ = plain.pop(),
            std::path::Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Whether there is a file `path` + `ending`.
fn sibling(path: &Path, ending: &str) -> bool {
    let mut with_ending = path.as_os_str().to_owned();
    with_ending.push(ending);
    Path::new(&with_ending).is_file()
}

fn wanted_file(folder: &Path, specifier: &str) -> bool {
    let path = folder.join(specifier);
    path.is_file() || EXTENSIONS.iter().any(|ending| sibling(&path, ending))
}

/// The names in a folder, sorted.
fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_absolute_paths_are_refused_in_words() {
        #[track_caller]
        fn check(specifier: &str, want: &[&str]) {
            let message = refused(specifier).unwrap_or_default();
            assert!(want.iter().all(|part| message.contains(part)), "{message}");
            assert_eq!(want.is_empty(), message.is_empty(), "{message}");
        }
        check("", &["empty"]);
        check("/x.js", &["path of one machine"]);
        check("file:///x.js", &["path of one machine"]);
        check("node:fs", &["Node.js", "web platform"]);
        check(
            "https://esm.sh/hono",
            &["resolved when bundling", "node_modules"],
        );
        check(
            "npm:hono@^4/jsx",
            &["`npm install hono`", "import \"hono\""],
        );
        check("npm:@a/b@1/c", &["`npm install @a/b`"]);
        check("jsr:@std/path@1", &["`npx jsr add @std/path`"]);
        check("data:text/javascript,1", &["data: URL"]);
        check("cloudflare:workers", &["another runtime"]);
        check("bun:sqlite", &["another runtime"]);
        for fine in ["./a.js", "hono", "@a/b", "#x", "@/x", "./a:b.js", "1:x"] {
            check(fine, &[]);
        }
    }

    #[test]
    fn packages_are_named_without_paths() {
        assert_eq!(package_name("a"), "a");
        assert_eq!(package_name("a/b/c"), "a");
        assert_eq!(package_name("@a/b/c"), "@a/b");
        assert_eq!(package_name("@a"), "@a");
    }
}
