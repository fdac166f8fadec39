//! Listening sockets, and ports that stay reserved while a broker is stopped.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// How many connections wait in the kernel to be accepted.
pub(super) const BACKLOG: u32 = 1024;

/// An address that the broker cannot listen on.
#[derive(Debug)]
pub(crate) struct BindError {
    pub(crate) address: SocketAddr,
    pub(crate) source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.source)
    }
}

/// Binds a listener. Port 0 takes a free port.
pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, BindError> {
    let listen = || reserve(address)?.listen(BACKLOG);
    listen().map_err(|source| BindError { address, source })
}

/// Binds without listening: connections are refused, yet no other process gets the port. A client
/// that dials the freed port of a stopped broker might otherwise be given that very port, and be
/// connected to itself.
pub(super) fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
