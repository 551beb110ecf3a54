//! One client's socket: an answer that is not taken within a limit ends the connection; an answer of hyper's own is put in words;
//! and a connection that is closed with something unread is closed so that the last answer arrives.
//!
//! Where a socket is closed with bytes that nobody read, the kernel resets the connection, and the client may lose what was
//! sent to it. So the writing half is closed first, and what still comes is read and thrown away, within limits.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::bare_answer::in_words;
use crate::refusal::Refuse;
use crate::rest_of_body::{LONGEST, MOST_BYTES};
use crate::transport::Transport;

/// Whether the connection ends with something unread.
#[derive(Debug, Default)]
pub(crate) struct Unread(AtomicBool);

impl Unread {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A client's socket.
pub(crate) struct ClientStream {
    stream: Transport,
    refuse: Refuse,
    unread: Arc<Unread>,
    /// An answer in words that took the place of a bare one, as far as it is not written.
    in_words: Bytes,
    write_limit: Duration,
    /// Runs from the first write that had to wait until all is written.
    stalled: Option<Pin<Box<Sleep>>>,
    closing: Option<Closing>,
}

struct Closing {
    limit: Pin<Box<Sleep>>,
    left: usize,
}

impl ClientStream {
    pub(crate) fn new(stream: Transport, write_limit: Duration, refuse: Refuse, unread: Arc<Unread>) -> Self {
        Self { stream, refuse, unread, in_words: Bytes::new(), write_limit, stalled: None, closing: None }
    }

    /// An error where a write has waited for longer than the limit.
    fn limited<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            return written;
        }
        let limit = self.write_limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Takes the place of hyper's own answer, if that is what is being written.
    fn takes_over(&mut self, written: &[u8]) -> bool {
        match in_words(written, &self.refuse) {
            Some(answer) => {
                self.in_words = answer.into();
                self.unread.set();
                true
            }
            None => false,
        }
    }

    fn poll_in_words(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.in_words.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(cx, &self.in_words);
            let count = ready!(self.limited(cx, written))?;
            self.in_words.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads and throws away what still comes, until the client closes, too, or a limit is reached.
    fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let closing = self.closing.get_or_insert_with(|| Closing { limit: Box::pin(sleep(LONGEST)), left: MOST_BYTES });
        let mut space = [0; 8192];
        while closing.limit.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut space);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            let count = buffer.filled().len();
            if read.is_err() || count == 0 || count > closing.left {
                break;
            }
            closing.left -= count;
        }
        Poll::Ready(())
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_in_words(cx))?;
        if self.takes_over(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.limited(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_in_words(cx))?;
        // An answer of hyper's own has no body.
        if let [alone] = slices
            && self.takes_over(alone)
        {
            return Poll::Ready(Ok(alone.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.limited(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_in_words(cx))?;
        // TLS takes more than the socket does, and waits here.
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        ready!(self.limited(cx, flushed))?;
        // hyper flushes when it has written everything.
        self.stalled = None;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() {
            ready!(self.poll_in_words(cx))?;
            let closed = Pin::new(&mut self.stream).poll_shutdown(cx);
            ready!(self.limited(cx, closed))?;
        }
        if self.unread.is_set() {
            ready!(self.poll_unread(cx));
        }
        Poll::Ready(Ok(()))
    }
}
