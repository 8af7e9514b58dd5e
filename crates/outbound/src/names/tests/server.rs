//! A server of UDP and TCP on loopback that does what its test says.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::message::{A, OK, answer, question};

/// A query that has come in.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) query: Vec<u8>,
    pub(super) is_tcp: bool,
    pub(super) from: SocketAddr,
}

impl Asked {
    pub(super) fn name(&self) -> String {
        let question = question(&self.query);
        let mut labels = Vec::new();
        let mut rest = &question[..question.len() - 5];
        while let Some((length, label)) = rest.split_first() {
            let (label, after) = label.split_at(usize::from(*length));
            labels.push(String::from_utf8(label.to_vec()).unwrap());
            rest = after;
        }
        labels.join(".")
    }

    /// Whether addresses of IPv4 are asked for.
    pub(super) fn is_v4(&self) -> bool {
        let question = question(&self.query);
        question[question.len() - 4..][..2] == A.to_be_bytes()
    }

    pub(super) fn has_edns(&self) -> bool {
        self.query[11] == 1
    }

    /// An answer with these records; none for IPv6, if they are for IPv4.
    pub(super) fn v4(&self, records: &[Vec<u8>]) -> Vec<u8> {
        let records = if self.is_v4() { records } else { &[] };
        answer(&self.query, OK, records, &[])
    }

    pub(super) fn with_flags(&self, flags: [u8; 2]) -> Vec<u8> {
        answer(&self.query, flags, &[], &[])
    }
}

/// What it does with a query: the datagrams that it sends in turn. Over TCP it sends the bytes of
/// the first one after their length, and closes.
type Behaviour = dyn Fn(&Asked) -> Vec<Vec<u8>> + Send + Sync;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(super) async fn start(
        behaviour: impl Fn(&Asked) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let (socket, listener) = same_port().await;
        let address = socket.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        tokio::spawn(serve_udp(socket, behaviour.clone(), asked.clone()));
        tokio::spawn(serve_tcp(listener, behaviour, asked.clone()));
        Self { address, asked }
    }

    /// All that it was asked, in turn.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How often it was asked for addresses of IPv4.
    pub(super) fn asked_v4(&self) -> usize {
        self.asked().iter().filter(|asked| asked.is_v4()).count()
    }
}

/// Where nobody listens.
pub(super) async fn nobody() -> SocketAddr {
    let (socket, _listener) = same_port().await;
    socket.local_addr().unwrap()
}

async fn same_port() -> (UdpSocket, TcpListener) {
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let socket = UdpSocket::bind(listener.local_addr().unwrap()).await;
        if let Ok(socket) = socket {
            return (socket, listener);
        }
    }
}

async fn serve_udp(socket: UdpSocket, behaviour: Arc<Behaviour>, asked: Arc<Mutex<Vec<Asked>>>) {
    let mut buffer = [0; 1500];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let query = Asked {
            query: buffer[..length].to_vec(),
            is_tcp: false,
            from,
        };
        asked.lock().unwrap().push(query.clone());
        for datagram in behaviour(&query) {
            // Who asked may have had enough.
            let _ = socket.send_to(&datagram, from).await;
        }
    }
}

async fn serve_tcp(
    listener: TcpListener,
    behaviour: Arc<Behaviour>,
    asked: Arc<Mutex<Vec<Asked>>>,
) {
    while let Ok((mut stream, from)) = listener.accept().await {
        let query = Asked {
            query: read_message(&mut stream).await,
            is_tcp: true,
            from,
        };
        asked.lock().unwrap().push(query.clone());
        if let Some(message) = behaviour(&query).into_iter().next() {
            let length = u16::try_from(message.len()).unwrap();
            let _ = stream
                .write_all(&[&length.to_be_bytes()[..], &message].concat())
                .await;
        }
    }
}

async fn read_message(stream: &mut TcpStream) -> Vec<u8> {
    let length = stream.read_u16().await.unwrap();
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await.unwrap();
    message
}
