//! A transport in memory for tests. Its other end decides how many bytes are accepted, and how many
//! are handed over.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use linger_core::address::Address;
use linger_protocol::frame::FrameDecoder;
use tokio::sync::{Notify, mpsc};

use super::Transport;

/// The listeners of all tests, by port.
static LISTENERS: Mutex<BTreeMap<u16, mpsc::UnboundedSender<Peer>>> = Mutex::new(BTreeMap::new());

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An address that only this process can connect to.
pub(crate) struct Listener {
    pub(crate) address: Address,
    connected: mpsc::UnboundedReceiver<Peer>,
}

impl Listener {
    /// The host of every listener. The name is reserved (RFC 2606), so that no resolver knows it.
    pub(crate) const HOST: &str = "memory.invalid";

    /// Listens at an address that no other listener has.
    pub(crate) fn bind() -> Self {
        static PORTS: AtomicU16 = AtomicU16::new(1);
        let port = PORTS.fetch_add(1, Ordering::Relaxed);
        let (accepted, connected) = mpsc::unbounded_channel();
        locked(&LISTENERS).insert(port, accepted);
        Self {
            address: Address::new(Self::HOST, port),
            connected,
        }
    }

    /// The other end of the next connection.
    pub(crate) async fn accept(&mut self) -> Peer {
        self.connected.recv().await.expect("the listener is in LISTENERS")
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        locked(&LISTENERS).remove(&self.address.port);
    }
}

/// Connects to a listener; `None` for an address of the network.
pub(crate) fn connect(address: &Address) -> Option<io::Result<Transport>> {
    if &*address.host != Listener::HOST {
        return None;
    }
    let stream = Arc::new(Stream::default());
    let peer = Peer {
        stream: Arc::clone(&stream),
        decoder: FrameDecoder::new(1 << 20),
    };
    let accepted = locked(&LISTENERS)
        .get(&address.port)
        .is_some_and(|listener| listener.send(peer).is_ok());
    Some(match accepted {
        true => Ok(Transport::Memory(Memory { stream })),
        false => Err(io::ErrorKind::ConnectionRefused.into()),
    })
}

/// What both ends of a connection share.
#[derive(Default)]
struct Stream {
    state: Mutex<State>,
    /// Tells the peer that bytes were handed over.
    changed: Notify,
}

struct State {
    /// The most bytes that one write accepts.
    write_max: usize,
    /// How many bytes a flush may still hand over.
    allowance: usize,
    accepted: BytesMut,
    handed_over: u64,
    to_peer: BytesMut,
    from_peer: BytesMut,
    closed: bool,
    flushes_fail: bool,
    /// The task that uses the transport.
    waker: Option<Waker>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            write_max: usize::MAX,
            allowance: usize::MAX,
            accepted: BytesMut::new(),
            handed_over: 0,
            to_peer: BytesMut::new(),
            from_peer: BytesMut::new(),
            closed: false,
            flushes_fail: false,
            waker: None,
        }
    }
}

impl State {
    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The end that a connection uses.
pub(crate) struct Memory {
    stream: Arc<Stream>,
}

impl Memory {
    pub(super) fn poll_write(&self, cx: &Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut state = locked(&self.stream.state);
        if state.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if state.write_max == 0 {
            return state.wait(cx);
        }
        let mut count = 0;
        for slice in slices {
            let taken = slice.len().min(state.write_max - count);
            state.accepted.extend_from_slice(&slice[..taken]);
            count += taken;
        }
        Poll::Ready(Ok(count))
    }

    pub(super) fn poll_flush(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let mut state = locked(&self.stream.state);
        if state.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let count = state.accepted.len().min(state.allowance);
        let handed_over = state.accepted.split_to(count);
        state.to_peer.unsplit(handed_over);
        state.handed_over += count as u64;
        state.allowance -= count;
        self.stream.changed.notify_one();
        if state.flushes_fail {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if state.accepted.is_empty() {
            Poll::Ready(Ok(()))
        } else {
            state.wait(cx)
        }
    }

    pub(super) fn poll_read(&self, cx: &Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        let mut state = locked(&self.stream.state);
        if state.from_peer.is_empty() && !state.closed {
            return state.wait(cx);
        }
        let received = state.from_peer.split();
        buffer.extend_from_slice(&received);
        Poll::Ready(Ok(received.len()))
    }

    pub(super) fn handed_over(&self) -> u64 {
        locked(&self.stream.state).handed_over
    }
}

/// The end that a test uses: what it reads.
pub(crate) struct Peer {
    stream: Arc<Stream>,
    decoder: FrameDecoder,
}

impl Peer {
    /// What else the test may do at this end.
    pub(crate) fn control(&self) -> PeerControl {
        PeerControl {
            stream: Arc::clone(&self.stream),
        }
    }

    /// The next frame of the connection.
    pub(crate) async fn read_frame(&mut self) -> Bytes {
        loop {
            let bytes = locked(&self.stream.state).to_peer.split();
            self.decoder.buffer().extend_from_slice(&bytes);
            let frame = self.decoder.next_frame();
            if let Some(frame) = frame.expect("the producer frames its requests") {
                return frame;
            }
            self.stream.changed.notified().await;
        }
    }
}

/// The end that a test uses: what it writes, and the limits that it sets.
#[derive(Clone)]
pub(crate) struct PeerControl {
    stream: Arc<Stream>,
}

impl PeerControl {
    /// Sends bytes to the connection.
    pub(crate) fn write(&self, bytes: &[u8]) {
        self.change(|state| state.from_peer.extend_from_slice(bytes));
    }

    /// Limits the bytes that one write accepts.
    pub(crate) fn limit_writes(&self, bytes: usize) {
        self.change(|state| state.write_max = bytes);
    }

    /// Lets flushes hand over this many bytes from now on, and no more.
    pub(crate) fn limit_flushes(&self, bytes: usize) {
        self.change(|state| state.allowance = bytes);
    }

    /// Makes each flush fail after it has handed over what it may.
    pub(crate) fn fail_flushes(&self) {
        self.change(|state| state.flushes_fail = true);
    }

    /// How many bytes were accepted and not handed over.
    pub(crate) fn held_back(&self) -> usize {
        locked(&self.stream.state).accepted.len()
    }

    /// Closes the connection.
    pub(crate) fn close(&self) {
        self.change(|state| state.closed = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = locked(&self.stream.state);
        change(&mut state);
        state.wake();
    }
}
