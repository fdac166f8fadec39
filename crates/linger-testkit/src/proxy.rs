//! A TCP proxy that cuts connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How much of a stream is copied at once.
const CHUNK_BYTES: usize = 4 * 1024;

/// Forwards connections from one address to another until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    task: JoinHandle<()>,
    cuts: Arc<AtomicUsize>,
}

/// After how many bytes from the client, or to it, a connection is cut; `None` means never. Asked
/// once per connection and direction.
pub type Limit = Box<dyn FnMut() -> Option<usize> + Send>;

impl Proxy {
    /// Listens at `here` and forwards to `there`.
    ///
    /// # Errors
    ///
    /// If `here` cannot be listened at.
    pub async fn start(here: SocketAddr, there: SocketAddr, mut limit: Limit) -> io::Result<Self> {
        let listener = TcpListener::bind(here).await?;
        let cuts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&cuts);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let limits = [limit(), limit()];
                tokio::spawn(forward(client, there, limits, Arc::clone(&counted)));
            }
        });
        Ok(Self { task, cuts })
    }

    /// How many connections the proxy has cut.
    pub fn cuts(&self) -> usize {
        self.cuts.load(Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(
    mut client: TcpStream,
    there: SocketAddr,
    limits: [Option<usize>; 2],
    cuts: Arc<AtomicUsize>,
) {
    let Ok(mut broker) = TcpStream::connect(there).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.split();
    let (mut from_broker, mut to_broker) = broker.split();
    // Whichever direction ends first ends both: the sockets drop.
    let cut = tokio::select! {
        cut = copy(&mut from_client, &mut to_broker, limits[0]) => cut,
        cut = copy(&mut from_broker, &mut to_client, limits[1]) => cut,
    };
    if cut {
        cuts.fetch_add(1, Relaxed);
    }
}

/// Copies until the end or the limit; true at the limit.
async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    limit: Option<usize>,
) -> bool {
    let mut left = limit.unwrap_or(usize::MAX);
    let mut chunk = [0; CHUNK_BYTES];
    while left > 0 {
        let most = left.min(CHUNK_BYTES);
        let Ok(len @ 1..) = from.read(&mut chunk[..most]).await else {
            return false;
        };
        if to.write_all(&chunk[..len]).await.is_err() {
            return false;
        }
        left -= len;
    }
    true
}
