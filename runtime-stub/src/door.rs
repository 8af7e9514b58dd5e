//! The way in: what comes before the first byte of HTTP on a connection.
//!
//! First the header of the PROXY protocol, where one is expected, then the handshake of TLS. Both
//! together have the time of a head. A client that only the header names is counted as soon as it is
//! known: whoever has too many connections is refused before the handshake.

use std::io;
use std::net::SocketAddr;

use listen::Socket;
use tokio_rustls::TlsAcceptor;

use crate::admission::ClientPlace;
use crate::edge::Edge;
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

/// A connection that was let in.
pub(crate) struct Opened {
    pub(crate) stream: Stream,
    pub(crate) peer: Peer,
    /// What it holds of the places of the client that a proxy speaks for.
    pub(crate) of_client: ClientPlace,
}

impl Door {
    /// Lets a connection in.
    ///
    /// # Errors
    /// It is closed, too slow, does not begin as it has to, or is one more than its client may have.
    pub(crate) async fn open(
        &self,
        socket: Socket,
        address: Option<SocketAddr>,
        edge: &Edge,
        limits: &ConnectionLimits,
    ) -> io::Result<Opened> {
        let is_proxied = self.proxies.as_ref().is_some_and(|proxies| match address {
            Some(address) => proxies.contains(address.ip()),
            None => proxies.contains_unix(),
        });
        if !is_proxied && self.tls.is_none() {
            let is_tls = false;
            return Ok(Opened {
                stream: Stream::Plain(socket),
                peer: Peer { address, is_tls },
                of_client: None,
            });
        }
        // Apart, or every connection would have room for a handshake as long as it lives.
        let proxied = is_proxied.then_some(edge);
        let opening = Box::pin(self.introduce(socket, address, proxied));
        let opened = tokio::time::timeout(limits.header_timeout, opening).await;
        opened.inspect_err(|_| LimitName::HeaderTimeout.hit())?
    }

    /// `proxied` counts the client, where a proxy says who that is.
    async fn introduce(
        &self,
        mut socket: Socket,
        address: Option<SocketAddr>,
        proxied: Option<&Edge>,
    ) -> io::Result<Opened> {
        let is_tls = self.tls.is_some();
        let mut peer = Peer { address, is_tls };
        let mut of_client = None;
        // A proxy that speaks for itself is who is there.
        if let Some(edge) = proxied
            && let Some(address) = listen::read_proxy_header(&mut socket).await?
        {
            peer.address = Some(address);
            of_client = edge.admit(&peer).map_err(io::Error::other)?;
        }
        let stream = match &self.tls {
            Some(tls) => Stream::Tls(Box::new(tls.accept(socket).await?)),
            None => Stream::Plain(socket),
        };
        Ok(Opened {
            stream,
            peer,
            of_client,
        })
    }
}
