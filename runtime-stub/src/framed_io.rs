//! A connection of which only requests that are framed beyond doubt are read.
//!
//! hyper reads more generously than RFC 9112 has to be read: bare LF at the end of a line, a
//! `Content-Length` that stands twice. So it sees no byte that [`Framing`] has not let pass, and no
//! head before its end has come. In the place of a refused message it sees one that no client can
//! send ([`Substitute`]), which is answered in its turn, after all that came before it, as any other
//! request: there is one way for answers, and the log sees it. Nothing after it is read.
//!
//! A client that is refused may still be sending; were the connection closed on it, the answer
//! would be lost with it. So what it sends is thrown away for a while.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::header::HOST;
use http::{HeaderMap, HeaderValue, StatusCode};
use http1_framing::{Framing, Limits, Place, Refusal, Refused};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::watch::LimitName;

/// How long a client that is refused may go on sending.
const LINGER: Duration = Duration::from_secs(2);

/// How much it may go on sending.
const LINGER_BYTES_MAX: usize = 4 << 20;

/// A connection whose bytes are checked before they are read.
pub(crate) struct Framed<S> {
    io: S,
    framing: Framing,
    /// The beginning of a head.
    held: BytesMut,
    /// What may pass, and has not been asked for.
    ready: Bytes,
    refused: Option<Place>,
    closing: Option<Closing>,
}

/// A connection to which nothing more is sent.
struct Closing {
    until: Pin<Box<Sleep>>,
    bytes_left: usize,
}

impl<S> Framed<S> {
    pub(crate) fn new(io: S, limits: Limits) -> Self {
        Self {
            io,
            framing: Framing::new(limits),
            held: BytesMut::new(),
            ready: Bytes::new(),
            refused: None,
            closing: None,
        }
    }

    /// Reads the bytes that came into `buffer` from `begin` on, and leaves in it what passes.
    fn check(&mut self, buffer: &mut ReadBuf<'_>, begin: usize) {
        let piece = &buffer.filled()[begin..];
        let result = self.framing.push(piece);
        let passes = result.unwrap_or_else(|refused| refused.passes);
        let (passing, rest) = piece.split_at(passes);
        let goes_through = self.held.is_empty() && result.is_ok();
        if !goes_through && passes > 0 {
            self.held.extend_from_slice(passing);
            self.ready = std::mem::take(&mut self.held).freeze();
        }
        match result {
            Ok(_) => self.held.extend_from_slice(rest),
            Err(refused) => self.refuse(refused),
        }
        match goes_through {
            true => buffer.set_filled(begin + passes),
            false => buffer.set_filled(begin),
        }
    }

    fn refuse(&mut self, refused: Refused) {
        self.held = BytesMut::new();
        self.refused = Some(refused.place);
        if let Some(limit) = limit_of(refused.refusal) {
            limit.hit();
        }
        if refused.place == Place::Message {
            let substitute = Substitute::request(refused.refusal);
            self.ready = [&self.ready[..], &substitute].concat().into();
        }
    }

    /// Gives on what may pass; true if there was anything.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let count = self.ready.len().min(buffer.remaining());
        buffer.put_slice(&self.ready[..count]);
        match count == self.ready.len() {
            // An empty rest would keep all the memory.
            true => self.ready = Bytes::new(),
            false => self.ready.advance(count),
        }
        count > 0
    }

    /// Whether the client may be sending what nobody is going to read.
    fn is_still_sending(&self) -> bool {
        self.refused.is_some() || self.framing.is_in_body()
    }
}

/// The limit that a refusal is due to, if it is.
fn limit_of(refusal: Refusal) -> Option<LimitName> {
    match refusal {
        Refusal::TargetTooLong => Some(LimitName::MaxUri),
        Refusal::FieldsTooLarge => Some(LimitName::MaxHeaderSize),
        Refusal::TooManyFields => Some(LimitName::MaxHeaderFields),
        _ => None,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Framed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while !this.give(buffer) {
            match this.refused {
                // The substitute is being answered; an end would break that off.
                Some(Place::Message) => return Poll::Pending,
                Some(Place::Body) => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                None => {}
            }
            let begin = buffer.filled().len();
            ready!(Pin::new(&mut this.io).poll_read(context, buffer))?;
            if buffer.filled().len() == begin {
                return Poll::Ready(Ok(()));
            }
            this.check(buffer, begin);
            if buffer.filled().len() > begin {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Framed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.io).poll_shutdown(context))?;
            if !this.is_still_sending() {
                return Poll::Ready(Ok(()));
            }
        }
        let closing = this.closing.get_or_insert_with(|| Closing {
            until: Box::pin(sleep(LINGER)),
            bytes_left: LINGER_BYTES_MAX,
        });
        closing.poll_end(&mut this.io, context).map(Ok)
    }
}

impl Closing {
    /// Ready when the client has ended too, or its time or bytes are over.
    fn poll_end(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let mut thrown_away = [0; 4096];
        while self.until.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut thrown_away);
            let read = ready!(Pin::new(&mut *io).poll_read(context, &mut buffer));
            let count = buffer.filled().len();
            if read.is_err() || count == 0 || count > self.bytes_left {
                break;
            }
            self.bytes_left -= count;
        }
        Poll::Ready(())
    }
}

/// A request in the place of one that was refused.
///
/// Its host is one that [`Framing`] lets pass from nobody: a byte above ASCII, and the status of
/// the answer. Over HTTP/2 somebody can send it, and gets what he asks for.
pub(crate) struct Substitute;

impl Substitute {
    const HOST_BEGINS: u8 = 0xff;

    fn request(refusal: Refusal) -> Vec<u8> {
        let mut request = b"REFUSED * HTTP/1.1\r\nconnection: close\r\nhost: ".to_vec();
        request.push(Self::HOST_BEGINS);
        request.extend(refusal.status().to_string().as_bytes());
        request.extend(b"\r\n\r\n");
        request
    }

    /// The status that a substitute asks for; `None` if this is none.
    pub(crate) fn status(fields: &HeaderMap) -> Option<StatusCode> {
        let host = fields.get(HOST).map(HeaderValue::as_bytes)?;
        let status = host.strip_prefix(&[Self::HOST_BEGINS])?;
        StatusCode::from_bytes(status).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Uri;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const GOOD: &str = "GET /a HTTP/1.1\r\nhost: a\r\n\r\n";
    const BAD: &str = "GET /b HTTP/1.1\r\nhost: a\nx: y\r\n\r\n";

    fn connection() -> (DuplexStream, Framed<DuplexStream>) {
        let (client, server) = duplex(1 << 16);
        (client, Framed::new(server, Limits::default()))
    }

    fn substitute() -> Vec<u8> {
        Substitute::request(Refusal::BareLf)
    }

    /// What is read of pieces that come one after the other, until nothing more does.
    async fn read(pieces: &[&[u8]], room: usize) -> Vec<u8> {
        let (mut client, mut io) = connection();
        let mut all = Vec::new();
        let mut buffer = vec![0; room];
        for piece in pieces {
            client.write_all(piece).await.unwrap();
            loop {
                tokio::select! {
                    biased;
                    count = io.read(&mut buffer) => all.extend(&buffer[..count.unwrap()]),
                    () = tokio::task::yield_now() => break,
                }
            }
        }
        all
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_read_however_it_comes() {
        let text = [GOOD, GOOD, GOOD].concat();
        for room in [1, 7, 4096] {
            for size in [1, 5, 28, 1000] {
                let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
                let all = read(&pieces, room).await;
                assert_eq!(String::from_utf8(all).unwrap(), text, "{room} {size}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_substitute_stands_for_what_is_refused_and_all_that_follows() {
        let text = [GOOD, BAD, GOOD].concat();
        let want = [GOOD.as_bytes(), &substitute()].concat();
        for room in [1, 7, 4096] {
            for size in [1, 5, 28, 1000] {
                let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
                assert_eq!(read(&pieces, room).await, want, "{room} {size}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_refused_breaks_off() {
        let head = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        let (mut client, mut io) = connection();
        let mut buffer = [0; 4096];
        client.write_all(head).await.unwrap();
        assert_eq!(io.read(&mut buffer).await.unwrap(), head.len());
        client.write_all(b"3\r\nabcd").await.unwrap();
        assert_eq!(io.read(&mut buffer).await.unwrap(), 6);
        for _ in 0..2 {
            let error = io.read(&mut buffer).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_read_as_one() {
        let (client, mut io) = connection();
        drop(client);
        assert_eq!(io.read(&mut [0; 10]).await.unwrap(), 0);
        let (mut client, mut io) = connection();
        client.write_all(b"GET / HT").await.unwrap();
        drop(client);
        assert_eq!(io.read(&mut [0; 10]).await.unwrap(), 0);
    }

    /// Shuts down while the client goes on sending; says for how many seconds that was read.
    async fn lingers(sent_before: &str, more: &[u8]) -> u64 {
        let (mut client, mut io) = connection();
        client.write_all(sent_before.as_bytes()).await.unwrap();
        assert!(io.read(&mut [0; 4096]).await.unwrap() > 0);
        let begin = tokio::time::Instant::now();
        let more = more.to_vec();
        let sends = tokio::spawn(async move {
            while !more.is_empty() && client.write_all(&more).await.is_ok() {}
            std::future::pending::<()>().await;
            drop(client);
        });
        io.shutdown().await.unwrap();
        sends.abort();
        begin.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_still_be_sending_is_listened_to_for_a_while() {
        let body = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n";
        assert_eq!(lingers(GOOD, b"").await, 0);
        assert_eq!(lingers(BAD, b"").await, 2);
        assert_eq!(lingers(body, b"").await, 2);
        // Who sends without end is cut off by the bytes.
        assert_eq!(lingers(BAD, &[b'x'; 4096]).await, 0);
    }

    /// What passes and what is refused for the sake of hyper is what hyper lets pass and refuses.
    #[track_caller]
    fn check_target(method: &str, target: &[u8]) {
        let lines = b" HTTP/1.1\r\nhost: a\r\n\r\n";
        let request = [method.as_bytes(), b" ", target, lines].concat();
        let verdict = Framing::new(Limits::default()).push(&request);
        let is_uri = Uri::try_from(target).is_ok();
        let shown = target.escape_ascii();
        match verdict.map_err(|refused| refused.refusal) {
            Ok(_) => assert!(is_uri, "hyper refuses {shown}"),
            Err(Refusal::TargetBytes) => assert!(!is_uri, "hyper lets {shown} pass"),
            Err(_) => {}
        }
    }

    #[test]
    fn hyper_refuses_no_target_that_passes() {
        for byte in 0..=255 {
            for before in [
                "/",
                "/a?",
                "/a?b?",
                "http://a",
                "http://a/",
                "http://a?",
                "http://[::1]",
            ] {
                check_target("POST", &[before.as_bytes(), &[byte]].concat());
                check_target("POST", &[before.as_bytes(), &[byte], b"a/?"].concat());
            }
            check_target("CONNECT", &[b"a", &[byte][..], b"a:443"].concat());
        }
        for host in [
            "[1:2:3:4:5:6:7:8]:80",
            "[::2:3:4:5:6:7:8]",
            "[::ffff:1.2.3.4]",
            "..",
            "~!$&'()*+,;=",
        ] {
            check_target("GET", format!("http://{host}/").as_bytes());
        }
    }

    proptest! {
        #[test]
        fn hyper_refuses_no_bytes_that_pass(
            before in "/|/a\\?|http://|HTTPS://a|http://a\\?",
            rest in prop::collection::vec(any::<u8>(), 0..6),
            text in ".{0,4}",
        ) {
            check_target("GET", &[before.as_bytes(), &rest].concat());
            check_target("GET", &[before.as_bytes(), text.as_bytes(), &rest].concat());
        }
    }

    #[test]
    fn a_substitute_says_its_status_and_nobody_else_can() {
        let mut fields = HeaderMap::new();
        assert_eq!(Substitute::status(&fields), None);
        for refusal in [Refusal::BareLf, Refusal::Version, Refusal::FieldsTooLarge] {
            let request = Substitute::request(refusal);
            assert!(Framing::new(Limits::default()).push(&request).is_err());
            let host = [&[0xff], refusal.status().to_string().as_bytes()].concat();
            assert!(!http1_framing::is_host(&host));
            fields.insert(HOST, HeaderValue::from_bytes(&host).unwrap());
            let status = Substitute::status(&fields).unwrap();
            assert_eq!(status.as_u16(), refusal.status());
        }
        fields.insert(HOST, HeaderValue::from_static("400"));
        assert_eq!(Substitute::status(&fields), None);
    }
}
