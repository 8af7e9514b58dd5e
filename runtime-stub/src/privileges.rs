//! Gives up what a server does not need, once its ports are taken and before it has any thread.
//!
//! | what | how | where it is missing |
//! |---|---|---|
//! | being root | `--user`: setgroups, setresgid, setresuid, and a look whether that holds | an error |
//! | capabilities | all sets are emptied | there are none |
//! | new privileges | `no_new_privs` | Linux before 3.5 |
//! | files | Landlock: only the [`Place`]s that were asked for, nothing to execute | said in the log |
//! | system calls | seccomp: [`calls`] that no server makes are refused with `EPERM` | said in the log |
//!
//! A thread passes all of it on to those that it starts, and only to those: that is why this comes
//! before the runtime. Network stays as it is: an app has to accept, and may have to call.

mod accounts;
mod calls;
mod capabilities;
mod files;
mod identity;
mod user;

pub use self::files::Place;
pub use self::identity::IdentityError;
pub use self::user::{UserChoice, UserChoiceError};

use rustix::thread::set_no_new_privs;

use crate::log;
use crate::settings::Sandbox;

/// Who the process is to be, and what it may do then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privileges {
    /// Who; as it was started if not said.
    pub user: Option<UserChoice>,
    /// Whether files and system calls are restricted.
    pub sandbox: Sandbox,
    /// What it still has to reach of the disk, beside what every app may.
    pub places: Vec<Place>,
}

/// Why privileges were not given up as they were to be.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegesError {
    /// Another user.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Capabilities, or new ones.
    #[error("the process cannot give up its privileges: {0}")]
    Kept(#[from] rustix::io::Errno),
    /// `--sandbox require`.
    #[error(
        "this machine cannot shut the app off from {what} ({reason}); leave --sandbox require out \
         to start without"
    )]
    NoSandbox {
        /// `files` or `system calls`.
        what: &'static str,
        /// In words.
        reason: String,
    },
}

/// Gives up all that is not needed; what the process has open it keeps.
///
/// # Errors
///
/// See [`PrivilegesError`]: the process must not serve then.
pub fn give_up(privileges: &Privileges) -> Result<(), PrivilegesError> {
    // Of a process that was another user before, not even its own pages can be looked at.
    worker_host::open_system_files();
    capabilities::bound()?;
    if let Some(choice) = &privileges.user {
        identity::become_user(choice)?;
    }
    capabilities::clear()?;
    set_no_new_privs(true)?;
    if privileges.sandbox == Sandbox::Off {
        return Ok(());
    }
    let files = files::restrict(&privileges.places);
    accept(privileges.sandbox, "files", files)?;
    accept(privileges.sandbox, "system calls", calls::restrict())
}

/// What a kernel cannot do is an error where it is required, and a line in the log elsewhere.
fn accept(
    sandbox: Sandbox,
    what: &'static str,
    result: Result<(), String>,
) -> Result<(), PrivilegesError> {
    match result {
        Ok(()) => Ok(()),
        Err(reason) if sandbox == Sandbox::Require => {
            Err(PrivilegesError::NoSandbox { what, reason })
        }
        Err(reason) => {
            log::line("no_sandbox", &[("for", &what), ("reason", &reason)]);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_cannot_is_an_error_only_where_it_has_to() {
        let accept = |sandbox, reason: Option<&str>| {
            let result = reason.map_or(Ok(()), |reason| Err(reason.to_owned()));
            accept(sandbox, "files", result).map_err(|error| error.to_string())
        };
        let want = "this machine cannot shut the app off from files (no Landlock); leave --sandbox \
            require out to start without";
        let missing = Some("no Landlock");
        assert_eq!(accept(Sandbox::Require, missing), Err(want.to_owned()));
        assert_eq!(accept(Sandbox::Auto, missing), Ok(()));
        for sandbox in [Sandbox::Require, Sandbox::Auto] {
            assert_eq!(accept(sandbox, None), Ok(()));
        }
    }
}
