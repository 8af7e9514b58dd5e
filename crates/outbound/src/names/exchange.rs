//! One question to one server: over UDP, and over TCP what does not fit there.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use domain::base::Name;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::message::{Answer, Family, Question, UDP_BYTES_MAX};

/// Why a server gave no answer.
#[derive(Debug)]
pub(super) enum Silence {
    /// None came in time.
    Late,
    /// The system, or the server's.
    Io(io::Error),
    /// Its answer over TCP was none.
    Nonsense,
    /// There is no question about this name.
    Name,
}

impl From<io::Error> for Silence {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Asks one server once.
pub(super) async fn ask(
    server: SocketAddr,
    name: &Name<Vec<u8>>,
    family: Family,
    patience: Duration,
) -> Result<Answer, Silence> {
    let question = Question::new(name, family, random_id()?).ok_or(Silence::Name)?;
    let answer = timeout(patience, over_udp(server, &question)).await;
    match answer.map_err(|_| Silence::Late)?? {
        Answer::Truncated => timeout(patience, over_tcp(server, &question))
            .await
            .map_err(|_| Silence::Late)?,
        answer => Ok(answer),
    }
}

/// Two of the things that a forger has to guess (RFC 5452, 4.5); the other is the port.
fn random_id() -> io::Result<u16> {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u16::from_ne_bytes(bytes))
}

/// From a port that the system chooses anew each time. What is no answer to the question is passed
/// over: the right one may still come.
async fn over_udp(server: SocketAddr, question: &Question) -> Result<Answer, Silence> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    // Connected: the kernel lets only datagrams of this server through.
    socket.connect(server).await?;
    socket.send(question.bytes()).await?;
    let mut bytes = vec![0; usize::from(UDP_BYTES_MAX)];
    loop {
        let length = socket.recv(&mut bytes).await?;
        if let Some(answer) = question.read(&bytes[..length]) {
            return Ok(answer);
        }
    }
}

/// Each message behind its length (RFC 1035, 4.2.2).
async fn over_tcp(server: SocketAddr, question: &Question) -> Result<Answer, Silence> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.bytes().len()).map_err(|_| Silence::Name)?;
    let framed = [&length.to_be_bytes()[..], question.bytes()].concat();
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await?;
    match question.read(&bytes) {
        Some(Answer::Truncated) | None => Err(Silence::Nonsense),
        Some(answer) => Ok(answer),
    }
}
