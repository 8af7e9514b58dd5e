//! Becomes another user, for good.
//!
//! By the functions of the C library, which change all threads at once; the system calls change only
//! the one that makes them.

use std::io;
use std::path::Path;
use std::ptr;

use libc::{c_int, gid_t, uid_t};
use rustix::process::{getegid, geteuid, getgid, getgroups, getuid};

use super::accounts;
use super::user::{Key, UserChoice};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Why the process is not the user that it was to be.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The name is not there.
    #[error("there is no {what} {name} in {file}; give its number, such as 65532")]
    Unknown {
        /// `user` or `group`.
        what: &'static str,
        /// Its name.
        name: String,
        /// Where it was looked for.
        file: &'static str,
    },
    /// A name of the user with the number 0.
    #[error("{name} is root: the user has to be another one")]
    Root {
        /// Its name.
        name: String,
    },
    /// A file that says which number a name has.
    #[error("cannot read {file}: {reason}")]
    File {
        /// Which.
        file: &'static str,
        /// What the system says.
        reason: io::Error,
    },
    /// Only root can.
    #[error(
        "--user: only root can become user {user}, group {group}; start the app as root, or as that \
         user and without --user"
    )]
    NotRoot {
        /// Its number.
        user: u32,
        /// Its number.
        group: u32,
    },
    /// Something else.
    #[error("cannot become user {user}, group {group}: {call}: {reason}")]
    Refused {
        /// Its number.
        user: u32,
        /// Its number.
        group: u32,
        /// What failed.
        call: &'static str,
        /// What the system says.
        reason: io::Error,
    },
    /// It did not help.
    #[error("the process is not only user {user}, group {group}, though the system says so")]
    NotHeld {
        /// Its number.
        user: u32,
        /// Its number.
        group: u32,
    },
}

/// A user and a group, by number; the user is not root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    user: u32,
    group: u32,
}

/// Becomes the user that was chosen, without supplementary groups and without a way back.
pub(super) fn become_user(choice: &UserChoice) -> Result<(), IdentityError> {
    let read = |file: &'static str| {
        let text = accounts::read(Path::new(file));
        text.map_err(|reason| IdentityError::File { file, reason })
    };
    let identity = Identity::find(choice, &read(PASSWD)?, &read(GROUP)?)?;
    if identity.is_ours() {
        return Ok(());
    }
    identity.take()?;
    match identity.is_held() {
        true => Ok(()),
        false => Err(IdentityError::NotHeld {
            user: identity.user,
            group: identity.group,
        }),
    }
}

impl Identity {
    /// Looks names up. A user without a group has that of its account, or else the one with its own
    /// number.
    fn find(choice: &UserChoice, passwd: &str, groups: &str) -> Result<Self, IdentityError> {
        let unknown = |what, name: &str, file| IdentityError::Unknown {
            what,
            name: name.to_owned(),
            file,
        };
        let account = match &choice.user {
            Key::Number(number) => accounts::by_number(passwd, *number),
            Key::Name(name) => {
                Some(accounts::by_name(passwd, name).ok_or_else(|| unknown("user", name, PASSWD))?)
            }
        };
        let user = match (&choice.user, account) {
            (Key::Number(number), _) => *number,
            (Key::Name(_), Some(account)) if account.user != 0 => account.user,
            (Key::Name(name), _) => return Err(IdentityError::Root { name: name.clone() }),
        };
        let group = match &choice.group {
            Some(Key::Number(number)) => *number,
            Some(Key::Name(name)) => accounts::group_by_name(groups, name)
                .ok_or_else(|| unknown("group", name, GROUP))?,
            None => account.map_or(user, |account| account.group),
        };
        Ok(Self { user, group })
    }

    /// Groups first: who is not root any more cannot change them.
    fn take(self) -> Result<(), IdentityError> {
        let Self { user, group } = self;
        let refused = |call| {
            move |reason: io::Error| match reason.kind() {
                io::ErrorKind::PermissionDenied => IdentityError::NotRoot { user, group },
                _ => IdentityError::Refused {
                    user,
                    group,
                    call,
                    reason,
                },
            }
        };
        leave_groups().map_err(refused("setgroups"))?;
        set_group(group).map_err(refused("setresgid"))?;
        set_user(user).map_err(refused("setresuid"))
    }

    /// Whether the process is this user, though it may have further groups.
    fn is_ours(self) -> bool {
        [getuid(), geteuid()].map(|id| id.as_raw()) == [self.user; 2]
            && [getgid(), getegid()].map(|id| id.as_raw()) == [self.group; 2]
    }

    /// Whether that is all it is, and root is out of reach.
    fn is_held(self) -> bool {
        self.is_ours()
            && getgroups().is_ok_and(|groups| groups.is_empty())
            && set_user(0).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    }
}

fn leave_groups() -> io::Result<()> {
    #[expect(unsafe_code, reason = "rustix changes the calling thread only")]
    // SAFETY: of an empty list nothing is read.
    let result = unsafe { libc::setgroups(0, ptr::null()) };
    check(result)
}

/// The real, the effective and the saved one.
fn set_group(group: gid_t) -> io::Result<()> {
    #[expect(unsafe_code, reason = "rustix changes the calling thread only")]
    // SAFETY: takes numbers and no memory.
    let result = unsafe { libc::setresgid(group, group, group) };
    check(result)
}

/// The real, the effective and the saved one.
fn set_user(user: uid_t) -> io::Result<()> {
    #[expect(unsafe_code, reason = "rustix changes the calling thread only")]
    // SAFETY: takes numbers and no memory.
    let result = unsafe { libc::setresuid(user, user, user) };
    check(result)
}

fn check(result: c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\nwww:x:33:44::/:/bin/sh\n";
    const GROUPS: &str = "root:x:0:\nssl:x:112:\n";

    #[test]
    fn names_and_numbers_lead_to_a_user_and_a_group() {
        #[track_caller]
        fn check(choice: &str, user: u32, group: u32) {
            let choice = UserChoice::parse(choice).unwrap();
            let found = Identity::find(&choice, PASSWD, GROUPS).unwrap();
            assert_eq!(found, Identity { user, group });
        }
        check("www", 33, 44);
        check("33", 33, 44);
        check("www:ssl", 33, 112);
        check("www:7", 33, 7);
        check("65532", 65532, 65532);
        check("65532:0", 65532, 0);
    }

    #[test]
    fn an_unknown_name_and_root_are_refused() {
        #[track_caller]
        fn check(choice: &str, want: &str) {
            let choice = UserChoice::parse(choice).unwrap();
            let error = Identity::find(&choice, PASSWD, GROUPS).unwrap_err();
            let message = error.to_string();
            assert!(message.contains(want), "{message}");
        }
        check("nobody", "there is no user nobody in /etc/passwd");
        check("www:www", "there is no group www in /etc/group");
        check("root", "root is root");
        check("toor:ssl", "toor is root");
    }
}
