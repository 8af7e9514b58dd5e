//! Tells systemd how far the process is (sd_notify(3)).

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Where whoever started this process wants to hear of it; nowhere, mostly.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<UnixDatagram>,
    /// Between [`ready`](Self::ready) and [`stopping`](Self::stopping): there is nothing to say of
    /// settings that are read again before or after.
    is_ready: AtomicBool,
}

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
#[error("NOTIFY_SOCKET is {address:?}, which cannot be written to: {reason}")]
pub struct NotifyError {
    /// What the variable holds.
    address: String,
    /// What the system says.
    reason: io::Error,
}

impl Notifier {
    /// Connects to the address in `NOTIFY_SOCKET`, a path or the name of an abstract socket after `@`.
    /// To be called before privileges are given up. `environment` is [`std::env::var`], or a test's.
    ///
    /// # Errors
    /// There is one, and nobody listens there.
    pub fn connect(environment: impl Fn(&str) -> Option<String>) -> Result<Self, NotifyError> {
        let address = environment("NOTIFY_SOCKET").filter(|address| !address.is_empty());
        let Some(address) = address else {
            return Ok(Self::default());
        };
        match connect(&address) {
            Ok(socket) => Ok(Self {
                socket: Some(socket),
                ..Self::default()
            }),
            Err(reason) => Err(NotifyError { address, reason }),
        }
    }

    /// Requests are answered now.
    pub fn ready(&self) {
        self.is_ready.store(true, Ordering::Relaxed);
        self.tell("READY=1");
    }

    /// Settings are read again from `now` on, a time of `CLOCK_MONOTONIC`, by which a reload is known
    /// from one that was asked for later.
    pub fn reloading(&self, now: Duration) {
        if self.is_ready.load(Ordering::Relaxed) {
            let now = now.as_micros();
            self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
        }
    }

    /// They have been read.
    pub fn reloaded(&self) {
        if self.is_ready.load(Ordering::Relaxed) {
            self.tell("READY=1");
        }
    }

    /// The process is ending.
    pub fn stopping(&self) {
        self.is_ready.store(false, Ordering::Relaxed);
        self.tell("STOPPING=1");
    }

    fn tell(&self, state: &str) {
        if let Some(socket) = &self.socket {
            // Who does not listen any more does not want to know.
            let _ = socket.send(state.as_bytes());
        }
    }
}

fn connect(address: &str) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    match address.strip_prefix('@') {
        Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        None => socket.connect(address)?,
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connected(address: &str) -> Result<Notifier, NotifyError> {
        Notifier::connect(|name| (name == "NOTIFY_SOCKET").then(|| address.to_owned()))
    }

    #[track_caller]
    fn check_hears(socket: &UnixDatagram, notifier: &Notifier) {
        let reload = || {
            notifier.reloading(Duration::new(7, 1_999));
            notifier.reloaded();
        };
        // Said to nobody before it is ready, and when it ends.
        reload();
        notifier.ready();
        reload();
        notifier.stopping();
        reload();
        let mut bytes = [0; 64];
        for want in [
            "READY=1",
            "RELOADING=1\nMONOTONIC_USEC=7000001",
            "READY=1",
            "STOPPING=1",
        ] {
            let count = socket.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..count], want.as_bytes());
        }
        socket.set_nonblocking(true).unwrap();
        assert!(socket.recv(&mut bytes).is_err());
    }

    #[test]
    fn a_path_and_an_abstract_name_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        check_hears(&socket, &connected(path.to_str().unwrap()).unwrap());
        let name = format!("wws-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        check_hears(&socket, &connected(&format!("@{name}")).unwrap());
    }

    #[test]
    fn nobody_is_told_if_nobody_asks_and_one_who_is_not_there_is_an_error() {
        connected("").unwrap().ready();
        let text = connected("/nowhere/at/all").unwrap_err().to_string();
        assert!(text.contains("NOTIFY_SOCKET"), "{text}");
    }
}
