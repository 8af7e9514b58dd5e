//! A socket with time limits on all that a client can be slow with.
//!
//! hyper's own limit on reading a head also ends connections that are idle between two requests,
//! and does not cover the bytes before it knows the version; so the limits are kept here, where
//! every byte passes, and so is the look at the first bytes that tells the version.

use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use rustix::net::SendFlags;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep};

use crate::memory_files::MemoryFile;
use crate::open_requests::{OpenRequest, OpenRequests};
use crate::settings::ConnectionLimits;
use crate::stream::Stream;
use crate::watch::LimitName;

/// How every HTTP/2 connection begins (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How much is read of a client that is not asked for anything, in bytes.
const AHEAD_BYTES_MAX: usize = 4096;

/// How long the end of a connection may take to be said.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(1);

/// How long a connection may be idle while there are few places left for others.
const IDLE_IN_CROWD: Duration = Duration::from_secs(5);

/// How often an idle connection looks whether that has become so.
const IDLE_LOOK: Duration = Duration::from_secs(10);

/// Whether there are few places left for connections: less than a quarter.
#[derive(Clone, Debug)]
pub(crate) struct Crowd {
    places: Arc<Semaphore>,
    few: usize,
}

impl Crowd {
    /// With `places` of which `all` are free in the beginning.
    pub(crate) fn new(places: &Arc<Semaphore>, all: usize) -> Self {
        Self {
            places: Arc::clone(places),
            few: all.div_ceil(4),
        }
    }

    fn is_here(&self) -> bool {
        self.places.available_permits() < self.few
    }
}

/// A socket that gives up on a client that is too slow.
pub(crate) struct Timed<S> {
    io: S,
    limits: ConnectionLimits,
    open_requests: Arc<OpenRequests>,
    crowd: Option<Crowd>,
    /// When the last bytes went either way.
    active: Instant,
    /// When the first byte of a head came that is not yet complete.
    head_began: Option<Instant>,
    /// When a write first had to wait.
    write_waits_since: Option<Instant>,
    /// In HTTP/2 the bytes that come are no head.
    is_http2: bool,
    /// Bytes that were read already, and are still to be given on.
    given_back: Bytes,
    timer: Pin<Box<Sleep>>,
}

impl<S> Timed<S> {
    pub(crate) fn new(io: S, limits: ConnectionLimits, open_requests: Arc<OpenRequests>) -> Self {
        let active = Instant::now();
        // A client that has just connected is about to send its first head.
        let timer = Box::pin(tokio::time::sleep_until(active + limits.header_timeout));
        Self {
            io,
            limits,
            open_requests,
            crowd: None,
            active,
            head_began: Some(active),
            write_waits_since: None,
            is_http2: false,
            given_back: Bytes::new(),
            timer,
        }
    }

    /// Has it make room for others when there are many.
    pub(crate) fn in_crowd(mut self, crowd: Crowd) -> Self {
        self.crowd = Some(crowd);
        self
    }

    /// From now on the client waits for us, as long as what this gives lives.
    pub(crate) fn open_request(&self) -> OpenRequest {
        OpenRequest::new(&self.open_requests)
    }

    /// When the client will have been too slow, if nothing comes before.
    fn deadline(&self) -> Instant {
        if let Some(since) = self.write_waits_since {
            return since + self.limits.body_timeout;
        }
        if let Some(since) = self.open_requests.unread_since() {
            return since + self.limits.body_timeout;
        }
        if self.open_requests.are_there() {
            // The body of a request has a limit of its own, where it is read.
            return Instant::now() + self.limits.idle_timeout;
        }
        match self.head_began {
            Some(began) => began + self.limits.header_timeout,
            None => self.active + self.idle_time(),
        }
    }

    fn idle_time(&self) -> Duration {
        match self.crowd.as_ref().is_some_and(Crowd::is_here) {
            true => self.limits.idle_timeout.min(IDLE_IN_CROWD),
            false => self.limits.idle_timeout,
        }
    }

    /// The limit that [`deadline`](Self::deadline) is about.
    fn limit(&self) -> LimitName {
        let unread_since = self.write_waits_since.or(self.open_requests.unread_since());
        match (unread_since, self.head_began) {
            (Some(_), _) => LimitName::BodyTimeout,
            (None, Some(_)) => LimitName::HeaderTimeout,
            (None, None) => LimitName::IdleTimeout,
        }
    }

    /// Ready when the client is too slow. The timer is set anew only when it fires.
    fn poll_too_slow(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        while self.timer.as_mut().poll(context).is_ready() {
            let (deadline, now) = (self.deadline(), Instant::now());
            if deadline <= now {
                self.limit().hit();
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            let look = self.crowd.as_ref().map(|_| now + IDLE_LOOK);
            self.timer
                .as_mut()
                .reset(look.map_or(deadline, |look| look.min(deadline)));
        }
        Poll::Pending
    }

    /// Makes the timer fire no later than the deadline; for deadlines that come nearer.
    fn tighten(&mut self) {
        let deadline = self.deadline();
        if deadline < self.timer.deadline() {
            self.timer.as_mut().reset(deadline);
        }
    }

    fn after_read(&mut self) {
        let now = Instant::now();
        self.active = now;
        let may_be_head = !self.is_http2 && self.head_began.is_none();
        if may_be_head && !self.open_requests.are_there() {
            self.head_began = Some(now);
            self.tighten();
        }
    }

    fn after_write(&mut self) {
        self.active = Instant::now();
        self.write_waits_since = None;
        // What is being answered had a whole head; the next one begins with the next byte.
        self.head_began = None;
    }

    fn written<T>(
        &mut self,
        result: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.after_write();
            return result;
        }
        if self.write_waits_since.is_none() {
            self.write_waits_since = Some(Instant::now());
            self.tighten();
        }
        self.poll_too_slow(context).map(Err)
    }
}

impl<S: AsyncRead + Unpin> Timed<S> {
    /// Reads as much as tells HTTP/2 from HTTP/1: the whole preface, or the first byte that is
    /// another. The time for a head runs on meanwhile.
    pub(crate) async fn sniff(&mut self) -> io::Result<bool> {
        let mut sniffed = [0; PREFACE.len()];
        let mut count = 0;
        while count < PREFACE.len() && PREFACE.starts_with(&sniffed[..count]) {
            match self.read(&mut sniffed[count..]).await? {
                0 => break,
                more => count += more,
            }
        }
        self.give_back(Bytes::copy_from_slice(&sniffed[..count]));
        self.is_http2 = sniffed == *PREFACE;
        if self.is_http2 {
            self.head_began = None;
        }
        Ok(self.is_http2)
    }

    /// Has these bytes read again, before all others.
    pub(crate) fn give_back(&mut self, bytes: Bytes) {
        self.given_back = bytes;
    }

    /// Gives on what was given back; true if there was anything.
    fn replay(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let count = self.given_back.len().min(buffer.remaining());
        buffer.put_slice(&self.given_back.split_to(count));
        count > 0
    }
}

impl<S: AsyncRead + Unpin> Timed<S> {
    /// Ready when the client is gone. What it sends meanwhile is kept for later, up to a length
    /// beyond which its end is not seen.
    pub(crate) async fn gone(&mut self) -> io::Error {
        poll_fn(|context| self.poll_gone(context)).await
    }

    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let mut piece = [0; 1024];
        while self.given_back.len() < AHEAD_BYTES_MAX {
            let mut buffer = ReadBuf::new(&mut piece);
            match ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer)) {
                Err(error) => return Poll::Ready(error),
                Ok(()) if buffer.filled().is_empty() => {
                    return Poll::Ready(io::ErrorKind::ConnectionAborted.into());
                }
                Ok(()) => self.given_back = [&self.given_back, buffer.filled()].concat().into(),
            }
        }
        Poll::Pending
    }
}

impl Timed<Stream> {
    /// Whether [`send_file`](Self::send_file) can be used.
    pub(crate) fn sends_files(&self) -> bool {
        self.io.plain().is_some()
    }

    /// Ends a connection so that a client can tell it from one that was cut off.
    pub(crate) async fn close(&mut self) {
        if !self.sends_files() {
            // Who does not read it will not miss it.
            let _ = tokio::time::timeout(GOODBYE_TIME_MAX, self.io.shutdown()).await;
        }
    }

    /// Sends a head and then a whole file, whose pages the kernel does not copy.
    pub(crate) async fn send_file(&mut self, head: &[u8], file: &MemoryFile) -> io::Result<()> {
        // More is to come: a packet of its own for the head would be wasted.
        let send_head = |socket: BorrowedFd<'_>, sent: usize| {
            Ok(rustix::net::send(socket, &head[sent..], SendFlags::MORE)?)
        };
        self.send_all(head.len(), send_head).await?;
        let length = usize::try_from(file.length()).map_err(io::Error::other)?;
        let send_body = |socket: BorrowedFd<'_>, sent: usize| {
            let mut offset = sent as u64;
            Ok(rustix::fs::sendfile(
                socket,
                file,
                Some(&mut offset),
                length - sent,
            )?)
        };
        self.send_all(length, send_body).await
    }

    /// Sends `length` bytes with a system call that is told how many of them are gone; gives up on
    /// a client that does not read.
    async fn send_all(
        &mut self,
        length: usize,
        send: impl Fn(BorrowedFd<'_>, usize) -> io::Result<usize>,
    ) -> io::Result<()> {
        let mut sent = 0;
        while sent < length {
            let socket = self.io.plain().ok_or(io::ErrorKind::Unsupported)?;
            // A call that sent only a part has filled the socket; to say so at once saves one
            // that would send nothing.
            let result = socket.try_write(|socket| {
                let count = send(socket, sent)?;
                sent += count;
                match count {
                    0 => Err(io::ErrorKind::WriteZero.into()),
                    _ if sent < length => Err(io::ErrorKind::WouldBlock.into()),
                    _ => Ok(()),
                }
            });
            self.after_write();
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let patience = self.limits.body_timeout;
                    let socket = self.io.plain().ok_or(io::ErrorKind::Unsupported)?;
                    let waited = tokio::time::timeout(patience, socket.writable()).await;
                    waited.inspect_err(|_| LimitName::BodyTimeout.hit())??;
                }
                result => result?,
            }
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // What comes after these bytes is read in the same call: a head that is given in two
        // pieces makes hyper take a larger buffer, for as long as the connection lives.
        let replayed = self.replay(buffer);
        let before = buffer.filled().len();
        if replayed {
            self.after_read();
        }
        if replayed && buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let result = Pin::new(&mut self.io).poll_read(context, buffer);
        match result {
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                self.after_read();
                result
            }
            Poll::Pending if replayed => Poll::Ready(Ok(())),
            Poll::Ready(_) => result,
            Poll::Pending => self.poll_too_slow(context).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(context, bytes);
        self.written(result, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(context, pieces);
        self.written(result, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_flush(context) {
            // What was written may still be here, encrypted.
            Poll::Pending => self.written(Poll::Pending, context),
            result => result,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    const LIMITS: ConnectionLimits = ConnectionLimits {
        header_timeout: Duration::from_secs(10),
        body_timeout: Duration::from_secs(30),
        idle_timeout: Duration::from_secs(75),
        connections_max: 1,
    };

    fn connection() -> (DuplexStream, Timed<DuplexStream>, Arc<OpenRequests>) {
        let (client, server) = duplex(16);
        let open = Arc::default();
        (client, Timed::new(server, LIMITS, Arc::clone(&open)), open)
    }

    /// Reads until the connection is given up, and says after how many seconds.
    async fn gives_up_after(io: &mut Timed<DuplexStream>) -> u64 {
        let begin = Instant::now();
        let mut bytes = [0; 16];
        loop {
            match io.read(&mut bytes).await {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                    return begin.elapsed().as_secs();
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_is_given_the_time_of_a_head() {
        let (_client, mut io, _) = connection();
        assert_eq!(gives_up_after(&mut io).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_comes_byte_by_byte_gets_no_more_time_for_it() {
        let (mut client, mut io, _) = connection();
        tokio::spawn(async move {
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        assert_eq!(gives_up_after(&mut io).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_sniffed_is_given_on_in_one_piece_with_the_rest() {
        #[track_caller]
        fn check(told: bool, sent: &[u8], want: bool) {
            assert_eq!(told, want, "{:?}", String::from_utf8_lossy(sent));
        }
        for (sent, want) in [
            (&PREFACE[..], true),
            (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", false),
            (b"PRINT / HTTP/1.1\r\nhost: a\r\n\r\n", false),
            (b"P", false),
        ] {
            let (mut client, server) = duplex(64);
            let mut io = Timed::new(server, LIMITS, Arc::default());
            client.write_all(sent).await.unwrap();
            if sent.len() == 1 {
                drop(client);
            }
            check(io.sniff().await.unwrap(), sent, want);
            let mut bytes = [0; 64];
            let count = io.read(&mut bytes).await.unwrap();
            assert_eq!(&bytes[..count], sent);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_preface_gets_no_more_time_than_a_head() {
        let (mut client, server) = duplex(64);
        let mut io = Timed::new(server, LIMITS, Arc::default());
        client.write_all(&PREFACE[..20]).await.unwrap();
        let begin = Instant::now();
        assert_eq!(
            io.sniff().await.unwrap_err().kind(),
            io::ErrorKind::TimedOut
        );
        assert_eq!(begin.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn between_two_requests_the_longer_idle_time_holds() {
        let (mut client, mut io, _) = connection();
        client.write_all(b"GET").await.unwrap();
        io.read_exact(&mut [0; 3]).await.unwrap();
        io.write_all(b"200").await.unwrap();
        assert_eq!(gives_up_after(&mut io).await, 75);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_idle_makes_room_when_there_are_many() {
        // When so many of 8 places are taken, an idle connection is closed after so many seconds;
        // when they are taken later, it sees that the next time it looks.
        for (taken, taken_at, want) in [(6, 0, 75), (7, 0, 10), (8, 0, 10), (8, 24, 30)] {
            let (mut client, io, _) = connection();
            let places = Arc::new(Semaphore::new(8));
            let mut io = io.in_crowd(Crowd::new(&places, 8));
            client.write_all(b"GET").await.unwrap();
            io.read_exact(&mut [0; 3]).await.unwrap();
            io.write_all(b"200").await.unwrap();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(taken_at)).await;
                places.forget_permits(taken);
            });
            assert_eq!(gives_up_after(&mut io).await, want, "{taken} at {taken_at}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn while_a_request_is_answered_the_client_may_be_silent() {
        let (mut client, mut io, open) = connection();
        client.write_all(b"GET").await.unwrap();
        io.read_exact(&mut [0; 3]).await.unwrap();
        let request = OpenRequest::new(&open);
        let silent = tokio::time::timeout(Duration::from_secs(1000), gives_up_after(&mut io));
        assert!(silent.await.is_err());
        drop(request);
        assert!(gives_up_after(&mut io).await <= 75);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_leaves_an_answer_where_it_is_is_given_up_whatever_it_sends() {
        let (mut client, mut io, open) = connection();
        let request = OpenRequest::new(&open);
        request.piece_given();
        tokio::spawn(async move {
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        // The timer that was set for a head is the first that looks.
        let seconds = gives_up_after(&mut io).await;
        assert!((30..=40).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_given_up() {
        let (_client, mut io, _) = connection();
        let begin = Instant::now();
        let error = io.write_all(&[0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begin.elapsed().as_secs(), 30);
    }
}
