//! Sockets that systemd has opened for us (sd_listen_fds(3)).

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::sockopt::{socket_acceptconn, socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketType};

use crate::bound::Bound;

/// The number of the first descriptor that is passed on.
const FIRST: RawFd = 3;

/// More than anybody passes on.
const COUNT_MAX: RawFd = 64;

/// Why what was passed on cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    /// The variable.
    #[error("LISTEN_FDS is {value:?}; it has to be the number of sockets, at most {COUNT_MAX}")]
    Count {
        /// What it holds.
        value: String,
    },
    /// There is nothing with that number.
    #[error(
        "descriptor {number}, of the {count} that LISTEN_FDS promises, cannot be used: {reason}"
    )]
    Missing {
        /// Its number.
        number: RawFd,
        /// How many there should be.
        count: RawFd,
        /// What the system says.
        reason: io::Error,
    },
    /// It is another kind of descriptor.
    #[error(
        "descriptor {number} of LISTEN_FDS is not a socket that listens for streams; its unit needs \
         ListenStream= and Accept=no"
    )]
    Kind {
        /// Its number.
        number: RawFd,
    },
}

/// The sockets that were passed on to this process, none if it was started otherwise. To be called
/// once, before anything is opened. `environment` is [`std::env::var`], or a test's.
///
/// The variables stay as they are: an app starts no other programs, which could mistake them, and
/// taking one out while other threads may read is unsound.
///
/// # Errors
/// See [`ActivationError`]: somebody else is relied on, who has done something else.
pub fn activated(
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Bound>, ActivationError> {
    let is_for_us = environment("LISTEN_PID")
        .and_then(|pid| pid.parse().ok())
        .is_some_and(|pid: u32| pid == std::process::id());
    if !is_for_us {
        return Ok(Vec::new());
    }
    let count = count(environment("LISTEN_FDS").unwrap_or_default())?;
    (FIRST..FIRST + count)
        .map(|number| take(number, count))
        .collect()
}

fn count(value: String) -> Result<RawFd, ActivationError> {
    match value.parse() {
        Ok(count) if (0..=COUNT_MAX).contains(&count) => Ok(count),
        _ => Err(ActivationError::Count { value }),
    }
}

fn take(number: RawFd, count: RawFd) -> Result<Bound, ActivationError> {
    let missing = |reason: rustix::io::Errno| ActivationError::Missing {
        number,
        count,
        reason: reason.into(),
    };
    let (socket, is_unix) = own(number)
        .map_err(missing)?
        .ok_or(ActivationError::Kind { number })?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)
        .and_then(|()| fcntl_getfl(&socket))
        .and_then(|flags| fcntl_setfl(&socket, flags | OFlags::NONBLOCK))
        .map_err(missing)?;
    Ok(Bound::passed(socket, is_unix))
}

/// Takes a descriptor that was passed on to this process, if it is a socket that listens for streams;
/// with whether that is one of the file system.
#[expect(
    unsafe_code,
    reason = "descriptors come from another process as numbers"
)]
fn own(number: RawFd) -> rustix::io::Result<Option<(OwnedFd, bool)>> {
    // SAFETY: it is only looked at; whatever it is, and whoever has it, it stays open.
    let passed = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_getfd(passed)?;
    let Some(is_unix) = is_unix(passed) else {
        return Ok(None);
    };
    // SAFETY: it is open, and it listens. This is done once, at the start, when nothing in this
    // process listens: so it came from whoever started it, and nobody in here has it.
    let socket = unsafe { OwnedFd::from_raw_fd(number) };
    Ok(Some((socket, is_unix)))
}

/// Whether a socket that listens for streams is one of the file system; `None` for all others.
fn is_unix(socket: BorrowedFd<'_>) -> Option<bool> {
    let listens = socket_acceptconn(socket).ok()?;
    if !listens || socket_type(socket).ok()? != SocketType::STREAM {
        return None;
    }
    match socket_domain(socket).ok()? {
        AddressFamily::UNIX => Some(true),
        AddressFamily::INET | AddressFamily::INET6 => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activated_by(variables: &[(&str, &str)]) -> Result<Vec<Bound>, ActivationError> {
        activated(|name| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn what_is_meant_for_another_process_is_not_ours() {
        for variables in [
            &[][..],
            &[("LISTEN_FDS", "1")],
            &[("LISTEN_FDS", "1"), ("LISTEN_PID", "1")],
            &[("LISTEN_FDS", "nonsense"), ("LISTEN_PID", "")],
        ] {
            assert_eq!(activated_by(variables).unwrap().len(), 0, "{variables:?}");
        }
    }

    #[test]
    fn a_count_is_a_small_number() {
        let own = std::process::id().to_string();
        let with = |count| activated_by(&[("LISTEN_FDS", count), ("LISTEN_PID", &own)]);
        assert_eq!(with("0").unwrap().len(), 0);
        for bad in ["", "-1", "65", "one", "99999999999"] {
            let text = with(bad).unwrap_err().to_string();
            assert!(text.contains(&format!("{bad:?}")), "{text}");
        }
    }

    #[test]
    fn only_what_listens_for_streams_is_accepted_from() {
        use std::net::{TcpListener, UdpSocket};
        use std::os::fd::AsFd;
        use std::os::unix::net::{UnixListener, UnixStream};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let kind = |socket: &dyn AsFd| is_unix(socket.as_fd());
        assert_eq!(
            kind(&TcpListener::bind("127.0.0.1:0").unwrap()),
            Some(false)
        );
        assert_eq!(kind(&UnixListener::bind(path).unwrap()), Some(true));
        assert_eq!(kind(&UdpSocket::bind("127.0.0.1:0").unwrap()), None);
        assert_eq!(kind(&UnixStream::pair().unwrap().0), None);
        assert_eq!(kind(&tempfile::tempfile().unwrap()), None);
    }
}
