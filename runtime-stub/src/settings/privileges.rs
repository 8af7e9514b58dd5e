//! Who the process is, and what it may do, once it serves.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::privileges::{Place, Privileges, UserChoice};

/// Flags about privileges.
#[derive(Args, Debug, Clone)]
pub(super) struct PrivilegeArgs {
    /// Who to be once the ports are taken: a name or a number of /etc/passwd, or any number; the group is that user's if not given
    #[arg(long, env = "WWS_USER", value_name = "USER[:GROUP]", value_parser = UserChoice::parse, help_heading = "Privileges")]
    user: Option<UserChoice>,
    /// Whether the process shuts itself off from the files and system calls that it has no use for
    #[arg(
        long,
        env = "WWS_SANDBOX",
        value_name = "MODE",
        default_value = "auto",
        help_heading = "Privileges"
    )]
    sandbox: Sandbox,
}

/// Whether the process shuts itself off from what it has no use for.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// As far as the kernel can; the log says what it cannot
    #[default]
    Auto,
    /// Or else it does not start
    Require,
    /// Not at all
    Off,
}

impl PrivilegeArgs {
    /// With the places that other flags have named.
    pub(super) fn settle(self, places: Vec<Place>) -> Privileges {
        Privileges {
            user: self.user,
            sandbox: self.sandbox,
            places,
        }
    }
}

/// The places that a store and the certificates of `--outbound-ca` need.
pub(super) fn places_of(store: &kv::Location, ca_file: Option<&PathBuf>) -> Vec<Place> {
    let store = match store {
        kv::Location::File(path) => Some(Place::Store(path.clone())),
        kv::Location::Memory | kv::Location::Redis(_) => None,
    };
    let certificates = ca_file.cloned().map(Place::Read);
    store.into_iter().chain(certificates).collect()
}
