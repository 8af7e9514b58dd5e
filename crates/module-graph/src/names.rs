//! Names of modules: the way from the root, and never a path of the machine.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// Gives each file a name of its own.
pub(crate) struct Names {
    root: PathBuf,
    /// Names of files that share nothing with the root but the root of the file system.
    elsewhere: BTreeMap<String, PathBuf>,
}

impl Names {
    /// `root` is canonical.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self {
            root,
            elsewhere: BTreeMap::new(),
        }
    }

    /// The name of a file or folder, given its canonical path. Bytes that are not UTF-8 are
    /// replaced.
    pub(crate) fn name(&mut self, path: &Path) -> String {
        if let Some(name) = relative(&self.root, path) {
            return name;
        }
        // A package that was linked from anywhere: where it lies differs between machines.
        let folder = path
            .ancestors()
            .skip(1)
            .find(|folder| folder.join("package.json").is_file());
        let folder = folder.or_else(|| path.parent()).unwrap_or(path);
        let inside = relative(folder, path).unwrap_or_default();
        let package = folder
            .file_name()
            .map(OsStr::to_string_lossy)
            .unwrap_or_default();
        let mut name = format!("linked/{package}/{inside}");
        while self.elsewhere.get(&name).is_some_and(|other| other != path) {
            name.insert(0, '~');
        }
        self.elsewhere.insert(name.clone(), path.to_owned());
        name
    }
}

/// The way from a folder to a path; none if they have nothing in common.
fn relative(folder: &Path, path: &Path) -> Option<String> {
    let is_name = |component: &Component<'_>| matches!(component, Component::Normal(_));
    let from: Vec<Component<'_>> = folder.components().filter(is_name).collect();
    let to: Vec<Component<'_>> = path.components().filter(is_name).collect();
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    if shared == 0 && !from.is_empty() {
        return None;
    }
    let up = (shared..from.len()).map(|_| "..".to_owned());
    let down = to[shared..]
        .iter()
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    Some(up.chain(down).collect::<Vec<String>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_relative_to_the_root() {
        #[track_caller]
        fn check(path: &str, want: &str) {
            let mut names = Names::new(PathBuf::from("/srv/p/site"));
            assert_eq!(names.name(Path::new(path)), want);
        }
        check("/srv/p/site/api/a.ts", "api/a.ts");
        check("/srv/p/node_modules/x/i.js", "../node_modules/x/i.js");
        check("/srv/lib/i.js", "../../lib/i.js");
        check("/elsewhere/lib/i.js", "linked/lib/i.js");
        check("/srv/p/site", "");
    }

    #[test]
    fn files_from_elsewhere_never_share_a_name() {
        let mut names = Names::new(PathBuf::from("/srv/site"));
        assert_eq!(names.name(Path::new("/a/lib/i.js")), "linked/lib/i.js");
        assert_eq!(names.name(Path::new("/b/lib/i.js")), "~linked/lib/i.js");
        assert_eq!(names.name(Path::new("/a/lib/i.js")), "linked/lib/i.js");
    }
}
