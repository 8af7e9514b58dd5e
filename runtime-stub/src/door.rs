//! The way in: what comes before the first byte of HTTP on a connection.
//!
//! First the header of the PROXY protocol, where one is expected, then the handshake of TLS. Both
//! together have the time of a head.

use std::io;
use std::net::SocketAddr;

use listen::Socket;
use tokio_rustls::TlsAcceptor;

use crate::peer::Peer;
use crate::settings::{ConnectionLimits, TrustedProxies};
use crate::stream::Stream;
use crate::watch::LimitName;

/// What connections of one listener have in common.
#[derive(Clone, Default)]
pub(crate) struct Door {
    /// `None`: in the clear.
    pub(crate) tls: Option<TlsAcceptor>,
    /// Those whose connections begin with a header of the PROXY protocol.
    pub(crate) proxies: Option<TrustedProxies>,
}

impl Door {
    /// Lets a connection in.
    ///
    /// # Errors
    /// It is closed, too slow, or does not begin as it has to.
    pub(crate) async fn open(
        &self,
        socket: Socket,
        address: Option<SocketAddr>,
        limits: &ConnectionLimits,
    ) -> io::Result<(Stream, Peer)> {
        let is_proxied = self.proxies.as_ref().is_some_and(|proxies| match address {
            Some(address) => proxies.contains(address.ip()),
            None => proxies.contains_unix(),
        });
        if !is_proxied && self.tls.is_none() {
            let is_tls = false;
            return Ok((Stream::Plain(socket), Peer { address, is_tls }));
        }
        // Apart, or every connection would have room for a handshake as long as it lives.
        let opening = Box::pin(self.introduce(socket, address, is_proxied));
        let opened = tokio::time::timeout(limits.header_timeout, opening).await;
        opened.inspect_err(|_| LimitName::HeaderTimeout.hit())?
    }

    async fn introduce(
        &self,
        mut socket: Socket,
        mut address: Option<SocketAddr>,
        is_proxied: bool,
    ) -> io::Result<(Stream, Peer)> {
        if is_proxied {
            // A proxy that speaks for itself is who is there.
            address = listen::read_proxy_header(&mut socket).await?.or(address);
        }
        let stream = match &self.tls {
            Some(tls) => Stream::Tls(Box::new(tls.accept(socket).await?)),
            None => Stream::Plain(socket),
        };
        let is_tls = self.tls.is_some();
        Ok((stream, Peer { address, is_tls }))
    }
}
