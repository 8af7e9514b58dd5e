//! Takes the header of the PROXY protocol off a connection, and not one byte more.

use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncReadExt;

use crate::proxy_protocol::{HEADER_BYTES_MAX, Parsed, proxy_header};
use crate::socket::Socket;

/// Reads the header that a connection begins with, and gives whose it is. What follows it is left to
/// who reads next, TLS perhaps. Has no limit of time.
///
/// # Errors
/// The connection ends before, or begins otherwise.
pub async fn read_proxy_header(socket: &mut Socket) -> io::Result<Option<SocketAddr>> {
    let mut bytes = Vec::new();
    let mut peeked = [0; HEADER_BYTES_MAX];
    loop {
        let count = socket.peek(&mut peeked).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let before = bytes.len();
        bytes.extend_from_slice(&peeked[..count]);
        match proxy_header(&bytes).map_err(io::Error::other)? {
            Parsed::Whole(header) => {
                take(socket, header.length - before).await?;
                return Ok(header.source);
            }
            // All of it belongs to the header. Taken, so that the next look waits for more.
            Parsed::Part => take(socket, count).await?,
        }
    }
}

async fn take(socket: &mut Socket, count: usize) -> io::Result<()> {
    socket.read_exact(&mut vec![0; count]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream, UnixStream};

    const HEADER: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n";

    async fn tcp() -> (TcpStream, Socket) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        client.set_nodelay(true).unwrap();
        (client, Socket::Tcp(listener.accept().await.unwrap().0))
    }

    #[tokio::test]
    async fn nothing_after_the_header_is_read() {
        let (mut client, mut socket) = tcp().await;
        client.write_all(&[HEADER, b"rest"].concat()).await.unwrap();
        let source = read_proxy_header(&mut socket).await.unwrap();
        assert_eq!(source, "192.0.2.1:4711".parse().ok());
        let mut rest = [0; 4];
        socket.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"rest");
    }

    #[tokio::test]
    async fn a_header_may_come_byte_by_byte() {
        let (mut client, server) = UnixStream::pair().unwrap();
        let mut socket = Socket::Unix(server);
        let send = async {
            for byte in HEADER {
                client.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
            client.write_all(b"rest").await.unwrap();
        };
        let (source, ()) = tokio::join!(read_proxy_header(&mut socket), send);
        assert_eq!(source.unwrap(), "192.0.2.1:4711".parse().ok());
        let mut rest = [0; 4];
        socket.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"rest");
    }

    #[tokio::test]
    async fn an_end_and_other_bytes_are_errors() {
        let (client, mut socket) = tcp().await;
        drop(client);
        let error = read_proxy_header(&mut socket).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let (mut client, mut socket) = tcp().await;
        client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let error = read_proxy_header(&mut socket).await.unwrap_err();
        assert!(error.to_string().contains("PROXY"), "{error}");
    }
}
