//! Leaving a port to another process, with no connection lost.
//!
//! Two processes that both listen on a port with `SO_REUSEPORT` share its connections: the kernel
//! gives each to one of them, by its addresses. Whoever closes its socket then resets the connections
//! that were given to it and that it has not accepted, and those whose handshake is not over yet. So
//! before it closes, nothing new may come to it, and what has come must be accepted:
//!
//! 1. A program of the group ([`steer`]) gives all new connections to one socket, by its number in the
//!    group, which must be another one than ours. Nothing tells a process its own number; so it makes
//!    a connection to itself that is given to the first socket ([`Probe`]). If that one comes back,
//!    ours is the first one, and the second gets what comes. If not, the first one does.
//! 2. The socket is accepted from until nothing has come for a while, and then closed. That is for
//!    who calls [`Listener::accept`](crate::Listener::accept).
//!
//! A number that is not there has the kernel choose as it does without a program; so the last of a
//! group goes on as before. Any process may set the program: those that go at the same moment could
//! steer to each other.
//!
//! Other ways are closed: `net.ipv4.tcp_migrate_req` is a setting of the machine, and off; a filter
//! that drops what begins a connection (`SO_ATTACH_FILTER`) needs a capability on new kernels.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use libc::{c_int, sock_filter, sock_fprog, socklen_t};
use tokio::net::{TcpSocket, TcpStream};

/// Instructions of classic BPF, as linux/filter.h names them.
const LOAD_HALF: u16 = 0x28;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// Where the header of the network begins for a load (`SKF_NET_OFF`).
const NETWORK_HEADER: u32 = (-0x10_0000_i32).cast_unsigned();

/// No socket has this number.
const NO_SOCKET: u32 = u32::MAX;

/// How long a connection to ourselves may take.
const PROBE_TIME_MAX: Duration = Duration::from_secs(1);

/// A connection to ourselves that tells whether our socket is the first of its group.
#[derive(Debug)]
pub(crate) struct Probe {
    /// What it looks like where it is accepted.
    pub(crate) address: SocketAddr,
    _stream: TcpStream,
}

/// Has a socket that has begun to listen get its share: the program of a process that has left the
/// group would stay otherwise.
pub(crate) fn take_part(socket: &impl AsFd) -> io::Result<()> {
    match set_number(socket, libc::SO_DETACH_REUSEPORT_BPF) {
        // There is none.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        result => result,
    }
}

/// Has new connections go to the first socket of the group, and finds out whether that is this one,
/// which listens at `address`: then the probe comes to be accepted.
///
/// # Errors
/// The kernel refuses, or no connection can be made; nobody knows then where connections go.
pub(crate) async fn step_back(socket: &impl AsFd, address: SocketAddr) -> io::Result<Probe> {
    let target = reachable(address);
    let probe = match target {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    probe.bind((target.ip(), 0).into())?;
    let own = probe.local_addr()?;
    set_program(socket, &only_from(own))?;
    let connected = tokio::time::timeout(PROBE_TIME_MAX, probe.connect(target)).await;
    let stream = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    steer(socket, 0)?;
    Ok(Probe {
        address: own,
        _stream: stream,
    })
}

/// Has new connections go to the socket of the group that has this number, if there is one.
pub(crate) fn steer(socket: &impl AsFd, number: u32) -> io::Result<()> {
    set_program(socket, &[instruction(RETURN, 0, 0, number)])
}

/// What comes from this port goes to the first socket; of all else the kernel decides.
fn only_from(source: SocketAddr) -> [sock_filter; 4] {
    // The ports come first behind a header of the network without options, which ours has not.
    let header_bytes = match source {
        SocketAddr::V4(_) => 20,
        SocketAddr::V6(_) => 40,
    };
    [
        instruction(LOAD_HALF, 0, 0, NETWORK_HEADER + header_bytes),
        instruction(JUMP_IF_EQUAL, 0, 1, source.port().into()),
        instruction(RETURN, 0, 0, 0),
        instruction(RETURN, 0, 0, NO_SOCKET),
    ]
}

/// Where a socket that listens at this address can be reached from here.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    (ip, address.port()).into()
}

const fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

#[expect(unsafe_code, reason = "rustix does not know this option")]
fn set_program(socket: &impl AsFd, program: &[sock_filter]) -> io::Result<()> {
    let program = sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        // The kernel reads it only.
        filter: program.as_ptr().cast_mut(),
    };
    let length = length_of(&program)?;
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: the option takes a `sock_fprog`, which lives until the call is over, as do the
    // instructions that it points to; the kernel copies and checks them.
    let result = unsafe {
        libc::setsockopt(
            socket,
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            length,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[expect(unsafe_code, reason = "rustix does not know this option")]
fn set_number(socket: &impl AsFd, option: c_int) -> io::Result<()> {
    let number: c_int = 0;
    let length = length_of(&number)?;
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: the option takes an `int`, which lives until the call is over.
    let result = unsafe {
        libc::setsockopt(
            socket,
            libc::SOL_SOCKET,
            option,
            (&raw const number).cast(),
            length,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn length_of<T>(value: &T) -> io::Result<socklen_t> {
    socklen_t::try_from(size_of_val(value)).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BindOptions, Bound, Listener, Named};

    /// `None` where there is no such address.
    fn shared(ip: &str, port: u16) -> Option<Listener> {
        let options = BindOptions {
            reuse_port: true,
            socket_mode: 0o660,
            v6_only: false,
        };
        let address = (ip.parse::<IpAddr>().unwrap(), port).into();
        let named = Named {
            host: ip.to_owned(),
            flag: "--port",
        };
        let bound = Bound::port(address, named, options).ok()?;
        Some(bound.listen().unwrap())
    }

    /// How many connections wait to be accepted.
    async fn waiting(listener: &Listener) -> usize {
        let mut count = 0;
        let accept = || tokio::time::timeout(Duration::from_millis(50), listener.accept());
        while accept().await.is_ok() {
            count += 1;
        }
        count
    }

    async fn connect(address: SocketAddr, count: usize) -> Vec<TcpStream> {
        let mut streams = Vec::new();
        for _ in 0..count {
            streams.push(TcpStream::connect(address).await.unwrap());
        }
        streams
    }

    #[tokio::test]
    async fn what_has_come_is_accepted_and_what_comes_goes_to_the_other() {
        for (is_older, all) in [
            (true, "127.0.0.1"),
            (false, "127.0.0.1"),
            (true, "::1"),
            (false, "::"),
        ] {
            let Some(older) = shared(all, 0) else {
                continue;
            };
            let address = older.address().unwrap();
            let younger = shared(all, address.port()).unwrap();
            let (mut goes, stays) = match is_older {
                true => (older, younger),
                false => (younger, older),
            };
            let address = reachable(address);
            let _before = connect(address, 32).await;
            assert!(goes.hand_over().await.unwrap());
            let of_one = waiting(&goes).await;
            let _after = connect(address, 32).await;
            assert_eq!(waiting(&goes).await, 0, "nothing new comes");
            // A connection that it made to find out its place is one more where it is not the first.
            let probes = usize::from(!is_older);
            assert_eq!(of_one + waiting(&stays).await, 64 + probes);
            assert!(of_one > 0);
        }
    }

    #[tokio::test]
    async fn who_is_alone_goes_on() {
        let mut only = shared("127.0.0.1", 0).unwrap();
        let address = only.address().unwrap();
        only.hand_over().await.unwrap();
        let _streams = connect(address, 8).await;
        assert_eq!(waiting(&only).await, 8);
    }

    #[tokio::test]
    async fn a_process_that_comes_gets_its_share_whoever_went_before() {
        let mut first = shared("127.0.0.1", 0).unwrap();
        let address = first.address().unwrap();
        let second = shared("127.0.0.1", address.port()).unwrap();
        first.hand_over().await.unwrap();
        drop(first);
        let third = shared("127.0.0.1", address.port()).unwrap();
        let streams = connect(address, 64).await;
        let (of_second, of_third) = (waiting(&second).await, waiting(&third).await);
        assert!(of_second > 0 && of_third > 0, "{of_second} and {of_third}");
        assert_eq!(of_second + of_third, streams.len());
    }

    #[tokio::test]
    async fn one_that_was_replaced_is_replaced_again() {
        let mut present = shared("127.0.0.1", 0).unwrap();
        let address = present.address().unwrap();
        for _ in 0..4 {
            let next = shared("127.0.0.1", address.port()).unwrap();
            present.hand_over().await.unwrap();
            drop(present);
            let streams = connect(address, 8).await;
            assert_eq!(waiting(&next).await, streams.len());
            present = next;
        }
    }
}
