//! Shuts the process off from files, by Landlock.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};

/// The newest rules that this was tested with; an older kernel knows fewer of them.
const RULES: ABI = ABI::V6;

/// What every app may read: how names are resolved, and how many processors it may use.
const READ_BY_ALL: [&str; 4] = [
    "/etc/hosts",
    "/etc/resolv.conf",
    "/proc/self/cgroup",
    "/sys/fs/cgroup",
];

/// Something on the disk that an app still has to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file or a folder, to be read.
    Read(PathBuf),
    /// A file that others replace while the app runs, such as a certificate: its folder can be read,
    /// and the one that it is linked to.
    Replaced(PathBuf),
    /// A file that is read and written, and created if it is missing.
    Store(PathBuf),
    /// A file that is removed in the end, such as a socket.
    Removed(PathBuf),
    /// A socket that gets its name once the app is ready, and is removed in the end.
    Socket(PathBuf),
}

/// A path and what may be done with it and below.
type Allowed = (PathBuf, BitFlags<AccessFs>);

/// Shuts this thread, and all that it starts from now on, off from all files but the given ones.
pub(super) fn restrict(places: &[Place]) -> Result<(), String> {
    match enforce(places) {
        Ok(RulesetStatus::NotEnforced) => Err("this kernel has no Landlock".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn enforce(places: &[Place]) -> Result<RulesetStatus, RulesetError> {
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(RULES))?
        // Nobody gets a signal from an app.
        .scope(Scope::Signal)?
        .create()?;
    for (path, access) in allowed(places) {
        // What does not exist needs no rule.
        ruleset = ruleset.add_rules(path_beneath_rules([path], access))?;
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

fn allowed(places: &[Place]) -> Vec<Allowed> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut allowed: Vec<Allowed> = READ_BY_ALL
        .iter()
        .map(|path| (PathBuf::from(path), read))
        .collect();
    // Where it is a link, as systemd has it, what it leads to is replaced and not written to.
    allowed.extend(linked_folder(Path::new("/etc/resolv.conf")).map(|folder| (folder, read)));
    for place in places {
        match place {
            Place::Read(path) => allowed.push((path.clone(), read)),
            Place::Replaced(path) => {
                allowed.push((folder_of(path), read));
                allowed.extend(linked_folder(path).map(|folder| (folder, read)));
            }
            Place::Store(path) => allowed.push(store(path)),
            Place::Removed(path) => allowed.push((folder_of(path), AccessFs::RemoveFile.into())),
            Place::Socket(path) => {
                let rename = AccessFs::RemoveFile | AccessFs::MakeSock;
                allowed.push((folder_of(path), rename));
            }
        }
    }
    allowed
}

/// The file alone if there is one, else its folder.
fn store(path: &Path) -> Allowed {
    let write = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    match path.exists() {
        true => (path.to_owned(), write),
        false => (folder_of(path), write | AccessFs::MakeReg),
    }
}

/// The folder of what a path leads to, if that is another one than its own.
fn linked_folder(path: &Path) -> Option<PathBuf> {
    let folder = folder_of(path).canonicalize().ok()?;
    let target = path.canonicalize().ok()?;
    let target = target.parent().filter(|target| *target != folder)?;
    Some(target.to_owned())
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_socket_gets_its_name_in_its_folder_and_leaves_it() {
        let found = rules(Place::Socket("/run/app/socket".into()));
        let access = AccessFs::RemoveFile | AccessFs::MakeSock;
        assert_eq!(found, [("/run/app".into(), access)]);
    }

    /// What may be done with each path of a place, beside what every app may.
    fn rules(place: Place) -> Vec<Allowed> {
        let common = allowed(&[]).len();
        allowed(&[place]).split_off(common)
    }

    #[test]
    fn a_store_is_its_file_or_the_folder_that_it_is_made_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let write = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
        let made = (folder.path().to_owned(), write | AccessFs::MakeReg);
        assert_eq!(rules(Place::Store(path.clone())), [made]);
        std::fs::write(&path, "").unwrap();
        assert_eq!(rules(Place::Store(path.clone())), [(path, write)]);
        assert_eq!(rules(Place::Store("data".into()))[0].0, Path::new("."));
    }

    #[test]
    fn a_replaced_file_is_read_through_its_links() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let path = |name: &str| root.join(name);
        std::fs::create_dir_all(path("live")).unwrap();
        std::fs::create_dir_all(path("archive")).unwrap();
        std::fs::write(path("archive/1.pem"), "").unwrap();
        symlink("../archive/1.pem", path("live/cert.pem")).unwrap();
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let [live, archive] = ["live", "archive"].map(|name| (path(name), read));
        let found = rules(Place::Replaced(path("live/cert.pem")));
        assert_eq!(found, [live.clone(), archive.clone()]);
        assert_eq!(rules(Place::Replaced(path("archive/1.pem"))), [archive]);
        // Not there yet.
        assert_eq!(rules(Place::Replaced(path("live/other.pem"))), [live]);
    }

    #[test]
    fn a_thread_reaches_only_what_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["read", "store", "other", "own/certificate"] {
            std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            std::fs::write(path(name), "text").unwrap();
        }
        let places = [
            Place::Read(path("read")),
            Place::Store(path("store")),
            Place::Replaced(path("own/certificate")),
            Place::Removed(path("own/socket")),
        ];
        let try_all = || {
            use std::fs::{File, read, remove_file, write};
            restrict(&places)?;
            let denied = |result: std::io::Result<()>| {
                result.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
            };
            let copy = std::fs::copy("/proc/self/exe", path("other"));
            Ok::<_, String>([
                read(path("read")).is_ok(),
                denied(write(path("read"), "new")),
                write(path("store"), "new").is_ok(),
                denied(read(path("other")).map(drop)),
                denied(copy.map(drop)),
                denied(File::create(path("made")).map(drop)),
                denied(read("/etc/passwd").map(drop)),
                // Somebody has put another one there.
                read(path("own/certificate")).is_ok(),
                denied(write(path("own/new"), "")),
                remove_file(path("own/certificate")).is_ok(),
                denied(remove_file(path("other"))),
            ])
        };
        // What a thread gives up is gone for that thread alone.
        let found = std::thread::scope(|scope| scope.spawn(try_all).join().unwrap());
        match found {
            Ok(found) => assert_eq!(found, [true; 11]),
            Err(reason) => eprintln!("skipped: files out of reach: {reason}"),
        }
        assert_eq!(std::fs::read_to_string(path("other")).unwrap(), "text");
    }

    #[test]
    fn nothing_can_be_executed_or_made_beside_a_store() {
        let places = ["Read", "Replaced", "Removed"].map(|kind| match kind {
            "Read" => Place::Read("/tmp".into()),
            "Replaced" => Place::Replaced("/tmp/x".into()),
            _ => Place::Removed("/tmp/x".into()),
        });
        let written = AccessFs::from_write(RULES) & !BitFlags::from(AccessFs::RemoveFile);
        for (path, access) in allowed(&places) {
            assert!(!access.contains(AccessFs::Execute), "{}", path.display());
            assert!(!access.intersects(written), "{}", path.display());
        }
    }
}
