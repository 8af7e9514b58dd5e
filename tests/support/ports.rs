//! Ports for servers that cannot choose one themselves.

use std::net::TcpListener;

/// A port that nobody has right now; somebody else may be faster.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
