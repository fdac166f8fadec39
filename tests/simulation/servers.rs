//! The brokers' shell in the world: it cuts frames out of what arrived, hands them to the cluster
//! model one at a time per connection, and carries out what the model decides.

use std::collections::{BTreeMap, BTreeSet};

use linger_protocol::frame::FrameDecoder;
use linger_sim_model::{Action, Close, ConnectionId, Control, Event, examine};

use crate::network::Link;
use crate::world::{Happening, World};

const FRAME_MAX: usize = 100 << 20;

/// The brokers' ends of the connections.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    connections: BTreeMap<Link, Connection>,
    stopped: BTreeSet<i32>,
    frozen: BTreeSet<i32>,
}

#[derive(Debug)]
struct Connection {
    broker: i32,
    decoder: FrameDecoder,
    /// The model works on a request of it.
    busy: bool,
}

impl Servers {
    pub(crate) fn listens(&self, broker: i32) -> bool {
        !self.stopped.contains(&broker)
    }
}

impl World {
    /// The operator's hand: what befalls a broker's process reaches its connections too.
    pub(crate) fn control(&mut self, control: Control) {
        self.trace(|| format!("control {control:?}"));
        match &control {
            Control::Stop(broker) => {
                self.servers.stopped.insert(*broker);
                self.servers.frozen.remove(broker);
            }
            Control::Start(broker) => {
                self.servers.stopped.remove(broker);
            }
            Control::Freeze(broker) => {
                self.servers.frozen.insert(*broker);
            }
            Control::Thaw(broker) => {
                self.servers.frozen.remove(broker);
            }
            _ => {}
        }
        let thawed = match &control {
            Control::Thaw(broker) => Some(*broker),
            _ => None,
        };
        let now = self.now();
        self.cluster.handle(Event::Control(control), now);
        self.run_cluster();
        for link in thawed
            .map(|broker| self.network.served_by(broker))
            .unwrap_or_default()
        {
            self.serve(link);
        }
    }

    pub(crate) fn serve_new(&mut self, link: Link, broker: i32) {
        let connection = Connection {
            broker,
            decoder: FrameDecoder::new(FRAME_MAX),
            busy: false,
        };
        self.servers.connections.insert(link, connection);
        let now = self.now();
        self.cluster.handle(
            Event::Opened {
                connection: ConnectionId(link),
                broker,
            },
            now,
        );
        self.run_cluster();
    }

    /// Reads on, if the model is not busy with the request before.
    pub(crate) fn serve(&mut self, link: Link) {
        loop {
            let Some(connection) = self.servers.connections.get_mut(&link) else {
                return;
            };
            if connection.busy || self.servers.frozen.contains(&connection.broker) {
                return;
            }
            match connection.decoder.next_frame() {
                Ok(Some(frame)) => {
                    connection.busy = true;
                    let examined = examine(frame, &self.examine_config);
                    let now = self.now();
                    self.cluster.handle(
                        Event::Request {
                            connection: ConnectionId(link),
                            examined,
                        },
                        now,
                    );
                    self.run_cluster();
                }
                Ok(None) => match self.network.read(link, &mut self.agenda) {
                    Some(bytes) => connection.decoder.buffer().extend_from_slice(&bytes),
                    None if self.network.at_end(link) => return self.close_server(link, false),
                    None => return,
                },
                Err(error) => panic!("the producer sent a bad frame: {error}"),
            }
        }
    }

    /// Carries out all that the model has decided, and notes what it says has happened.
    pub(crate) fn run_cluster(&mut self) {
        loop {
            self.note_observations();
            let Some(action) = self.cluster.poll_action() else {
                break;
            };
            match action {
                Action::Reply {
                    connection: ConnectionId(link),
                    frame,
                    cut,
                } => {
                    let mut bytes = bytes::Bytes::from(frame.to_bytes());
                    if let Some(cut) = cut {
                        bytes.truncate(cut);
                    }
                    self.network.reply(link, bytes, &mut self.agenda);
                    if cut.is_some() {
                        self.close_server(link, false);
                    }
                }
                Action::Resume {
                    connection: ConnectionId(link),
                } => {
                    if let Some(connection) = self.servers.connections.get_mut(&link) {
                        connection.busy = false;
                        let delay = self.step();
                        self.agenda.after(delay / 10, Happening::Serve(link));
                    }
                }
                Action::Close {
                    connection: ConnectionId(link),
                    how,
                } => self.close_server(link, how == Close::Reset),
            }
        }
    }

    fn close_server(&mut self, link: Link, reset: bool) {
        if self.servers.connections.remove(&link).is_none() {
            return;
        }
        self.trace(|| format!("link {link}: the broker closes"));
        self.network.server_close(link, reset, &mut self.agenda);
        let now = self.now();
        self.cluster.handle(
            Event::Closed {
                connection: ConnectionId(link),
            },
            now,
        );
        self.run_cluster();
    }
}
