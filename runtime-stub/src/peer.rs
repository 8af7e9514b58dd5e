//! Who is at the other end of a connection.
use std::net::SocketAddr;

/// The other end of a connection, as the listener saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Of the client, or of the proxy before it; `None` on a Unix socket.
    pub(crate) address: Option<SocketAddr>,
    /// Whether the connection is encrypted.
    pub(crate) is_tls: bool,
}
