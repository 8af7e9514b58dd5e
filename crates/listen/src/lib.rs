//! Where the connections of a server come from.
//!
//! | what | where |
//! |---|---|
//! | which address: `127.0.0.1:8080`, `[::]:80`, `unix:/run/app.sock` | [`Address`] |
//! | taking it, before anybody is let in | [`Bound`] |
//! | letting clients in | [`Listener`], [`Socket`] |
//! | sockets that systemd has opened, and telling it how far a start is | [`activated`], [`Notifier`] |
//! | leaving a port to the process that follows, with no connection lost | [`Listener::hand_over`] |
//! | what a load balancer says before the first byte of a client | [`proxy_header`] |
//!
//! Not here: what is spoken on a connection, TLS among it.

mod activation;
mod address;
mod bound;
mod handover;
mod listener;
mod notify;
mod proxy_protocol;
mod proxy_reading;
mod socket;
mod socket_file;

pub use activation::{ActivationError, activated};
pub use address::{Address, AddressError, Host};
pub use bound::{BindOptions, Bound, ListenError, Named};
pub use listener::Listener;
pub use notify::{Notifier, NotifyError};
pub use proxy_protocol::{HEADER_BYTES_MAX, Header, Parsed, ProxyHeaderError, proxy_header};
pub use proxy_reading::read_proxy_header;
pub use socket::Socket;
pub use socket_file::SocketFile;
