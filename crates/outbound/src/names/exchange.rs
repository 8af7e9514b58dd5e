//! One question to one server, over UDP and, if it has to be, TCP.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::answer::{self, BadAnswer, Reply, Said};
use super::failure::Failure;
use super::question::{Query, Question, UDP_BYTES_MAX};

/// More datagrams that do not belong to a query mean that somebody guesses what would. Over TCP,
/// guessing is in vain.
const STRAYS_MAX: usize = 32;

/// Over what a question is sent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// What the server says within the time.
///
/// # Errors
/// All but [`Failure::NoAddress`] and [`Failure::BadName`].
pub(super) async fn ask(
    server: SocketAddr,
    question: Question<'_>,
    first: Transport,
    wait: Duration,
) -> Result<Said, Failure> {
    let asked = timeout(wait, converse(server, question, first));
    asked.await.unwrap_or(Err(Failure::Timeout))
}

/// At most three queries: one that may become two by TCP and by leaving out EDNS.
async fn converse(
    server: SocketAddr,
    question: Question<'_>,
    first: Transport,
) -> Result<Said, Failure> {
    let (mut transport, mut with_edns) = (first, true);
    loop {
        let query = Query::new(question)?;
        let reply = match transport {
            Transport::Udp => over_udp(server, &query, with_edns).await?,
            Transport::Tcp => over_tcp(server, &query, with_edns).await?,
        };
        match reply {
            Reply::Said(said) => return Ok(said),
            Reply::Truncated if transport == Transport::Udp => transport = Transport::Tcp,
            Reply::NotUnderstood(_) if with_edns => with_edns = false,
            Reply::Truncated => return Err(BadAnswer::CutOff.into()),
            Reply::NotUnderstood(code) | Reply::Refused(code) => {
                return Err(Failure::Refused(code));
            }
            Reply::Bad(bad) => return Err(bad.into()),
        }
    }
}

/// A socket for each query, so that its port is as hard to guess as its id (RFC 5452, 9.2). It is
/// connected: the system drops what others send, and reports that nobody listens.
async fn over_udp(
    server: SocketAddr,
    query: &Query<'_>,
    with_edns: bool,
) -> Result<Reply, Failure> {
    let any_port: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any_port).await?;
    socket.connect(server).await?;
    socket.send(&query.to_bytes(with_edns)).await?;
    let mut buffer = vec![0; UDP_BYTES_MAX.into()];
    for _ in 0..STRAYS_MAX {
        let length = socket.recv(&mut buffer).await?;
        if let Some(reply) = answer::read(&buffer[..length], query) {
            return Ok(reply);
        }
    }
    Ok(Reply::Truncated)
}

/// A message after its length (RFC 1035, 4.2.2).
async fn over_tcp(
    server: SocketAddr,
    query: &Query<'_>,
    with_edns: bool,
) -> Result<Reply, Failure> {
    let mut stream = TcpStream::connect(server).await?;
    let bytes = query.to_bytes(with_edns);
    // A query is shorter than its longest name and 27 bytes.
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    stream
        .write_all(&[&length.to_be_bytes()[..], &bytes].concat())
        .await?;
    let length = stream.read_u16().await?;
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await?;
    Ok(answer::read(&message, query).unwrap_or(Reply::Bad(BadAnswer::AnotherQuestion)))
}
