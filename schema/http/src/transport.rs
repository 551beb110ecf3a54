//! What a client's bytes go over: the socket itself, or TLS on it. A handshake has a limit like all else that a client could
//! hold on to, and whoever speaks plain HTTP to a listener with TLS is told so, in words.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ledger_tls::{NotAccepted, ServerTls, TlsStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::bare_answer::last_answer;
use crate::refusal::{Refusal, Refuse};

/// Longest that a client may take for its part of the handshake: two packets. The limit of an idle connection, where that is shorter.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// Longest that a client that came to no TLS is still listened to, and most that is heard of it.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);
const LEAVE_BYTES: usize = 64 * 1024;

/// A client's connection.
pub(crate) enum Transport {
    Clear(TcpStream),
    Tls(Box<TlsStream>),
}

/// The client's connection after its handshake; nothing where it came to none. The socket is closed then.
pub(crate) async fn secured(tls: &ServerTls, stream: TcpStream, idle: Duration, refuse: &Refuse) -> Option<Transport> {
    match timeout(HANDSHAKE_LIMIT.min(idle), tls.accept(stream)).await {
        Ok(Ok(stream)) => return Some(Transport::Tls(Box::new(stream))),
        Ok(Err(NotAccepted { stream, cause, is_clear })) => {
            tracing::debug!(%cause, is_clear, "a client came to no TLS");
            let told = Refusal::BadRequest("this address speaks TLS: https://");
            let last = if is_clear { last_answer(told, None, refuse) } else { Vec::new() };
            let _ = timeout(LEAVE_LIMIT, take_leave(stream, &last)).await;
        }
        Err(_) => tracing::debug!("a client's handshake took too long"),
    }
    None
}

/// What was said last, be it why a certificate is not taken, arrives only where nothing is unread when the socket is closed: the client
/// has sent its request already.
async fn take_leave(mut stream: TcpStream, last: &[u8]) -> io::Result<()> {
    stream.write_all(last).await?;
    stream.shutdown().await?;
    let (mut space, mut left) = (vec![0; 4096], LEAVE_BYTES);
    while left > 0 {
        match stream.read(&mut space).await? {
            0 => break,
            count => left = left.saturating_sub(count),
        }
    }
    Ok(())
}

/// To either, as they are pinned alike.
macro_rules! either {
    ($transport:expr, $stream:ident => $work:expr) => {
        match $transport.get_mut() {
            Transport::Clear($stream) => {
                let $stream = Pin::new($stream);
                $work
            }
            Transport::Tls($stream) => {
                let $stream = Pin::new($stream.as_mut());
                $work
            }
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Clear(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(cx))
    }
}
