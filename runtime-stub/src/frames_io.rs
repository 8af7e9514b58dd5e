//! A connection of HTTP/2 on which frames that cost a client nothing are counted.
//!
//! h2 has bounds of its own on much of that (streams that were reset before they were looked at,
//! CONTINUATION, empty DATA), but none on how often a client may cancel what is being answered, ping, or
//! change its settings. Who does that without end is cut off.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use admission::FrameWatch;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::admission::frame_rate;
use crate::watch::LimitName;

/// A connection whose frames are counted as they come.
pub(crate) struct FramesIo<S> {
    io: S,
    frames: FrameWatch,
    began: Instant,
}

impl<S> FramesIo<S> {
    /// From the preface on.
    pub(crate) fn new(io: S) -> Self {
        Self {
            io,
            frames: FrameWatch::new(frame_rate()),
            began: Instant::now(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FramesIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let begin = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(context, buffer))?;
        let now = this.began.elapsed();
        if this.frames.push(&buffer.filled()[begin..], now) {
            return Poll::Ready(Ok(()));
        }
        LimitName::Http2Frames.hit();
        buffer.set_filled(begin);
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FramesIo<S> {
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
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0pingpong";

    #[tokio::test]
    async fn who_pings_without_end_is_cut_off() {
        let hits = LimitName::Http2Frames.count();
        let (mut client, server) = duplex(1 << 20);
        let mut io = FramesIo::new(server);
        client.write_all(PREFACE).await.unwrap();
        client.write_all(&PING.repeat(900)).await.unwrap();
        let mut read = vec![0; PREFACE.len() + 900 * PING.len()];
        io.read_exact(&mut read).await.unwrap();
        assert_eq!(read, [PREFACE, &PING.repeat(900)].concat());
        client.write_all(&PING.repeat(10_000)).await.unwrap();
        let error = io.read_to_end(&mut read).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        assert!(LimitName::Http2Frames.count() > hits);
    }
}
