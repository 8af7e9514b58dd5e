//! Leaving a port to another process, with no connection lost.
//!
//! Two processes that both listen on a port with `SO_REUSEPORT` share its connections: the kernel
//! gives each to one of them, by its addresses. Whoever closes its socket then resets the connections
//! that were given to it and that it has not accepted, and those whose handshake is not over yet. So
//! before it closes, nothing new may come to it, and what has come must be accepted:
//!
//! 1. A program of the group ([`STEER`]) gives new connections to the second socket of the group. With
//!    two, the one that has listened for longer is always the first: a socket that comes is added at
//!    the end, and when one goes, the last takes its place. So this is right where the older one goes,
//!    which is what a replacement is.
//! 2. A filter of the socket itself ([`REFUSE`]) drops the first packet of each new connection, and no
//!    other. What holds does not depend on the program, then: where it was wrong (a younger process
//!    ends, or a third one is there), or there is nobody else, the client's system asks again after a
//!    second, and is let in by whoever is there.
//! 3. The socket is accepted from until nothing has come for a while, and then closed.
//!
//! The other way, `net.ipv4.tcp_migrate_req`, is a setting of the machine and off.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use libc::{c_int, sock_filter, sock_fprog, socklen_t};

/// Instructions of classic BPF, as linux/filter.h names them.
const LOAD_BYTE: u16 = 0x30;
const AND: u16 = 0x54;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// The flags of a TCP segment are its byte 13 (RFC 9293, 3.1).
const TCP_FLAGS_AT: u32 = 13;
const SYN: u32 = 0x02;
const ACK: u32 = 0x10;

const fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// The number of the socket of a group that gets a connection. One that is not there has the kernel
/// choose as it does without a program.
const STEER: [sock_filter; 1] = [instruction(RETURN, 0, 0, 1)];

/// How much of a packet passes: nothing of one that begins a connection, and all of any other.
const REFUSE: [sock_filter; 5] = [
    instruction(LOAD_BYTE, 0, 0, TCP_FLAGS_AT),
    instruction(AND, 0, 0, SYN | ACK),
    instruction(JUMP_IF_EQUAL, 0, 1, SYN),
    instruction(RETURN, 0, 0, 0),
    instruction(RETURN, 0, 0, u32::MAX),
];

/// Has a socket that has begun to listen get its share: the program of a process that has left the
/// group would stay otherwise.
pub(crate) fn take_part(socket: &impl AsFd) -> io::Result<()> {
    match set_number(socket, libc::SO_DETACH_REUSEPORT_BPF) {
        // There is none.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        result => result,
    }
}

/// Has a socket get no new connections from now on; those that it has got remain to be accepted.
pub(crate) fn step_back(socket: &impl AsFd) -> io::Result<()> {
    set_program(socket, libc::SO_ATTACH_REUSEPORT_CBPF, &STEER)?;
    set_program(socket, libc::SO_ATTACH_FILTER, &REFUSE)
}

#[expect(unsafe_code, reason = "rustix does not know these options")]
fn set_program(socket: &impl AsFd, option: c_int, program: &[sock_filter]) -> io::Result<()> {
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
            option,
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
    use crate::{BindOptions, Bound, Listener};
    use std::time::Duration;
    use tokio::net::TcpStream;

    fn shared(port: u16) -> Listener {
        let options = BindOptions {
            reuse_port: true,
            socket_mode: 0o660,
            v6_only: false,
        };
        let address = ([127, 0, 0, 1], port).into();
        let bound = Bound::port(address, String::new(), options).unwrap();
        bound.listen().unwrap()
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

    async fn connect(port: u16, count: usize) -> Vec<TcpStream> {
        let mut streams = Vec::new();
        for _ in 0..count {
            streams.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        }
        streams
    }

    #[tokio::test]
    async fn what_has_come_is_accepted_and_what_comes_goes_to_the_other() {
        let mut older = shared(0);
        let port = older.address().unwrap().port();
        let younger = shared(port);
        let before = connect(port, 32).await;
        assert!(older.hand_over().unwrap());
        let after = connect(port, 32).await;
        let (of_older, of_younger) = (waiting(&older).await, waiting(&younger).await);
        assert_eq!(of_older + of_younger, before.len() + after.len());
        assert!(of_older > 0 && of_older <= before.len());
    }

    #[tokio::test]
    async fn a_process_that_comes_gets_its_share_whoever_went_before() {
        let mut first = shared(0);
        let port = first.address().unwrap().port();
        let second = shared(port);
        first.hand_over().unwrap();
        drop(first);
        let third = shared(port);
        let streams = connect(port, 64).await;
        let (of_second, of_third) = (waiting(&second).await, waiting(&third).await);
        assert!(of_second > 0 && of_third > 0, "{of_second} and {of_third}");
        assert_eq!(of_second + of_third, streams.len());
    }

    #[tokio::test]
    async fn one_that_was_replaced_is_replaced_again() {
        let mut present = shared(0);
        let port = present.address().unwrap().port();
        for _ in 0..4 {
            let next = shared(port);
            present.hand_over().unwrap();
            drop(present);
            let streams = connect(port, 8).await;
            assert_eq!(waiting(&next).await, streams.len());
            present = next;
        }
    }
}
