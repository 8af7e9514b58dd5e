//! Walks the folder of a site.
//!
//! Gives every regular file in the order of its path, whatever order the disk lists them in.
//! Symbolic links are followed inside the site and refused when they leave it. Left out: what
//! `--ignore` names, `node_modules`, and names that begin with a dot, except `.well-known`
//! (RFC 8615) and `.wws.toml`.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use walkdir::{DirEntry, WalkDir};

use crate::problem::{Problem, Problems};

/// A regular file of a site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceFile {
    /// Relative to the site, with slashes: `docs/index.html`.
    pub name: String,
    /// Where it can be read.
    pub path: PathBuf,
    /// In bytes.
    pub length: u64,
}

/// Why a folder could not be walked.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// Not there, or no folder.
    #[error("{}: {reason}; give the folder of a site", path.display())]
    NoFolder {
        /// As it was given.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Nothing in it that could be served.
    #[error("{} has no files; give the folder of a site", path.display())]
    Empty {
        /// As it was given.
        path: PathBuf,
    },
    /// `--ignore` with something that is no pattern.
    #[error("--ignore: {0}")]
    Pattern(#[from] globset::Error),
    /// Files that cannot be part of a site.
    #[error(transparent)]
    Problems(#[from] Problems),
}

/// The text of `--ignore`, if it is a pattern.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_ignore(text: &str) -> Result<String, globset::Error> {
    let text = text.to_owned();
    ignore_patterns(std::slice::from_ref(&text)).map(|_| text)
}

/// Patterns of files to leave out. One without a slash matches names at any depth, one with a
/// slash whole paths from the site's root; a folder that matches is left out with all in it.
pub fn ignore_patterns(patterns: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
        let anchored = match pattern.strip_prefix('/') {
            Some(rest) => rest.to_owned(),
            None if pattern.contains('/') => pattern.to_owned(),
            None => format!("**/{pattern}"),
        };
        set.add(
            GlobBuilder::new(&anchored)
                .literal_separator(true)
                .build()?,
        );
    }
    set.build()
}

/// All files of the site in `root`, sorted by name.
pub fn scan(root: &Path, ignore: &GlobSet) -> Result<Vec<SourceFile>, ScanError> {
    let no_folder = |reason: String| ScanError::NoFolder {
        path: root.to_owned(),
        reason,
    };
    let real_root = fs::canonicalize(root).map_err(|error| no_folder(error.to_string()))?;
    if !real_root.is_dir() {
        return Err(no_folder("it is no folder".to_owned()));
    }
    let problems = RefCell::new(Vec::new());
    let mut files = Vec::new();
    let walk = WalkDir::new(&real_root).follow_links(true).min_depth(1);
    let wanted = |entry: &DirEntry| match relative_name(&real_root, entry.path()) {
        Ok(name) if is_left_out(&name, ignore) => false,
        Ok(name) => inside(&real_root, entry, &name)
            .map_err(|problem| problems.borrow_mut().push(problem))
            .is_ok(),
        Err(problem) => {
            problems.borrow_mut().push(problem);
            false
        }
    };
    for entry in walk.into_iter().filter_entry(wanted) {
        match entry.map_err(|error| walk_problem(&real_root, &error)) {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => match source_file(&real_root, &entry) {
                Ok(file) => files.push(file),
                Err(problem) => problems.borrow_mut().push(problem),
            },
            // What is left out may be broken.
            Err((name, _)) if is_left_out(&name, ignore) => {}
            Err((name, message)) => problems.borrow_mut().push(Problem::new(name, message)),
        }
    }
    Problems::check(problems.into_inner())?;
    if files.is_empty() {
        return Err(ScanError::Empty {
            path: root.to_owned(),
        });
    }
    files.sort();
    Ok(files)
}

fn is_left_out(name: &str, ignore: &GlobSet) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    // At the root of what is served, which is `public` in a project.
    let served = name.strip_prefix("public/").unwrap_or(name);
    let is_hidden = last.starts_with('.') && served != ".well-known" && name != ".wws.toml";
    // What lies in `.well-known` is served under whatever name it has.
    let is_hidden = is_hidden && !served.starts_with(".well-known/");
    is_hidden || last == "node_modules" || ignore.is_match(name)
}

/// The path below the root, with slashes. A name that no URL could carry is a problem.
fn relative_name(root: &Path, path: &Path) -> Result<String, Problem> {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let Some(name) = relative.to_str() else {
        let message = "the name is not UTF-8, so no URL leads to it; rename it or use --ignore";
        return Err(Problem::new(relative.to_string_lossy(), message));
    };
    if name.contains('\\') {
        let message = "a name with a backslash cannot be served; rename it or use --ignore";
        return Err(Problem::new(name, message));
    }
    Ok(name.to_owned())
}

/// A link must not lead out of the site.
fn inside(root: &Path, entry: &DirEntry, name: &str) -> Result<(), Problem> {
    if !entry.path_is_symlink() {
        return Ok(());
    }
    match fs::canonicalize(entry.path()) {
        Ok(target) if target.starts_with(root) => Ok(()),
        Ok(target) => Err(Problem::new(
            name,
            format!(
                "the link leads out of the site, to {}; copy the file",
                target.display()
            ),
        )),
        Err(error) => Err(Problem::new(
            name,
            format!("the link cannot be followed: {error}"),
        )),
    }
}

fn walk_problem(root: &Path, error: &walkdir::Error) -> (String, String) {
    let path = error.path().unwrap_or(root);
    let name = path
        .strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned();
    let name = if name.is_empty() {
        path.display().to_string()
    } else {
        name
    };
    if let Some(ancestor) = error.loop_ancestor() {
        return (
            name,
            format!("the link leads back to {}, above it", ancestor.display()),
        );
    }
    let message = match error.io_error() {
        Some(error) if error.kind() == io::ErrorKind::NotFound => {
            "the link leads nowhere; remove it or use --ignore".to_owned()
        }
        Some(error) => format!("cannot be read: {error}"),
        None => error.to_string(),
    };
    (name, message)
}

fn source_file(root: &Path, entry: &DirEntry) -> Result<SourceFile, Problem> {
    let name = relative_name(root, entry.path())?;
    let metadata = match entry.metadata() {
        Ok(metadata) => metadata,
        Err(error) => return Err(Problem::new(name, format!("cannot be read: {error}"))),
    };
    if !metadata.is_file() {
        return Err(Problem::new(
            name,
            "is no regular file; use --ignore to leave it out",
        ));
    }
    Ok(SourceFile {
        name,
        path: entry.path().to_owned(),
        length: metadata.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn site(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        folder
    }

    fn names(folder: &Path, ignore: &[&str]) -> Vec<String> {
        let ignore: Vec<String> = ignore.iter().map(|&p| p.to_owned()).collect();
        let files = scan(folder, &ignore_patterns(&ignore).unwrap()).unwrap();
        files.into_iter().map(|file| file.name).collect()
    }

    #[test]
    fn files_come_sorted_and_hidden_ones_not_at_all() {
        let site = site(&[
            "b.html",
            "a/z.css",
            "a b/ü.txt",
            ".git/config",
            ".env",
            ".well-known/.x",
            "a/.well-known/x",
            "public/.well-known/.x",
            "public/.hidden",
            "line\nbreak",
            "node_modules/x/i.js",
            "a/node_modules/y.js",
        ]);
        let want = [
            ".well-known/.x",
            "a b/ü.txt",
            "a/z.css",
            "b.html",
            "line\nbreak",
            "public/.well-known/.x",
        ];
        assert_eq!(names(site.path(), &[]), want);
    }

    #[test]
    fn ignored_patterns_match_names_or_whole_paths() {
        let site = site(&["a.map", "d/a.map", "d/e/f.txt", "x/d/g.txt"]);
        assert_eq!(names(site.path(), &["*.map"]), ["d/e/f.txt", "x/d/g.txt"]);
        assert_eq!(names(site.path(), &["/d/"]), ["a.map", "x/d/g.txt"]);
        assert_eq!(names(site.path(), &["d/*"]), ["a.map", "x/d/g.txt"]);
        assert_eq!(names(site.path(), &["d"]), ["a.map"]);
    }

    #[test]
    fn links_are_followed_inside_and_refused_outside() {
        let outside = site(&["secret"]);
        let site = site(&["real/a.txt"]);
        symlink("real", site.path().join("linked")).unwrap();
        assert_eq!(names(site.path(), &[]), ["linked/a.txt", "real/a.txt"]);

        symlink(outside.path(), site.path().join("out")).unwrap();
        symlink("gone", site.path().join("dangling")).unwrap();
        symlink(".", site.path().join("loop")).unwrap();
        let message = scan(site.path(), &GlobSet::empty())
            .unwrap_err()
            .to_string();
        assert!(message.contains("3 problems"), "{message}");
        assert!(
            message.contains("out: the link leads out of the site"),
            "{message}"
        );
        assert!(
            message.contains("dangling: the link leads nowhere"),
            "{message}"
        );
        assert!(message.contains("loop: the link leads back"), "{message}");
        assert_eq!(
            names(site.path(), &["out", "dangling", "loop", "linked"]),
            ["real/a.txt"]
        );
    }

    #[test]
    fn what_is_no_site_is_refused_in_words() {
        let site = site(&["a\\b", "file"]);
        let check = |path: PathBuf, want: &str| {
            let message = scan(&path, &GlobSet::empty()).unwrap_err().to_string();
            assert!(message.contains(want), "{message}");
        };
        check(site.path().join("none"), "give the folder of a site");
        check(site.path().join("file"), "it is no folder");
        check(site.path().to_owned(), "a\\b: a name with a backslash");
        check(
            tempfile::tempdir().unwrap().path().to_owned(),
            "has no files",
        );
    }
}
