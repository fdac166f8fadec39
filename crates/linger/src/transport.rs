//! The transport of a connection: bytes to a broker and back.
//!
//! A transport may accept bytes before it passes them on: TLS collects them in records, and a
//! record that was sent in part tells its reader nothing. [`Transport::handed_over`] therefore
//! counts the bytes of which a peer may have read each one. A request counts as written when its
//! last byte was handed over; what was accepted and not handed over was never written.
//!
//! TCP is the only transport of the product. Tests have one in memory, whose other end they
//! control.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio_util::io::poll_read_buf;

#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
mod tests;

/// A connected byte stream.
pub(crate) enum Transport {
    Tcp(Tcp),
    #[cfg(test)]
    Memory(memory::Memory),
}

/// A TCP socket, which hands over every byte that it accepts.
pub(crate) struct Tcp {
    stream: TcpStream,
    handed_over: u64,
}

impl Transport {
    pub(crate) fn tcp(stream: TcpStream) -> Self {
        Self::Tcp(Tcp {
            stream,
            handed_over: 0,
        })
    }

    /// Accepts bytes of the slices, in order; gives their number.
    #[inline]
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(tcp) => {
                let written = Pin::new(&mut tcp.stream).poll_write_vectored(cx, slices);
                if let Poll::Ready(Ok(count)) = written {
                    tcp.handed_over += count as u64;
                }
                written
            }
            #[cfg(test)]
            Self::Memory(memory) => memory.poll_write(cx, slices),
        }
    }

    /// Hands over what was accepted; ready when everything was.
    #[inline]
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(tcp) => Pin::new(&mut tcp.stream).poll_flush(cx),
            #[cfg(test)]
            Self::Memory(memory) => memory.poll_flush(cx),
        }
    }

    /// Appends received bytes to `buffer`; gives their number, which is 0 when the peer has closed
    /// the stream.
    #[inline]
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(tcp) => poll_read_buf(Pin::new(&mut tcp.stream), cx, buffer),
            #[cfg(test)]
            Self::Memory(memory) => memory.poll_read(cx, buffer),
        }
    }

    /// Writes all of `bytes` and hands them over.
    ///
    /// # Cancel safety
    /// None: some of the bytes may have been accepted.
    pub(crate) async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let accepted = poll_fn(|cx| self.poll_write(cx, &[IoSlice::new(bytes)])).await?;
            if accepted == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[accepted..];
        }
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Appends received bytes to `buffer`; gives their number, which is 0 when the peer has closed
    /// the stream.
    ///
    /// # Cancel safety
    /// A dropped future has read nothing.
    pub(crate) async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, buffer)).await
    }

    /// How many of the accepted bytes a peer may have read, counted from the start of the stream.
    ///
    /// Grows in [`poll_write`](Self::poll_write) and [`poll_flush`](Self::poll_flush) only.
    #[inline]
    pub(crate) fn handed_over(&self) -> u64 {
        match self {
            Self::Tcp(tcp) => tcp.handed_over,
            #[cfg(test)]
            Self::Memory(memory) => memory.handed_over(),
        }
    }
}
