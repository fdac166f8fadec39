//! What the sender wants done and has not handed to its owner yet, in order.

use std::collections::VecDeque;

use crate::ids::ConnectionId;
use crate::send::action::Action;

/// The actions that wait to be carried out.
#[derive(Debug, Default)]
pub struct Outbox {
    actions: VecDeque<Action>,
}

impl Outbox {
    /// Adds an action behind all others.
    pub fn push(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// Adds the end of a connection, if there is one to be ended.
    pub fn disconnect(&mut self, connection: Option<ConnectionId>) {
        self.actions
            .extend(connection.map(|connection| Action::Disconnect { connection }));
    }

    /// Takes the oldest action.
    pub fn pop(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }
}
