//! Who awaits the deliveries of one batch.

use std::task::Waker;

/// The tasks that await deliveries of one batch, one entry per task as a rule: a task that awaits a
/// hundred of them in order registers once, not a hundred times.
#[derive(Default)]
pub(crate) struct Wakers {
    /// The slot of `first`: slots are not used again once their wakers were woken, though
    /// deliveries still name them.
    base: u32,
    /// Most batches are awaited by one task: no allocation for it.
    first: Option<Registered>,
    more: Vec<Registered>,
}

struct Registered {
    waker: Waker,
    /// Deliveries that count on it.
    users: u32,
}

impl Wakers {
    /// Makes sure that `waker` is woken for the delivery that is registered in `slot`; returns its
    /// new slot.
    pub(crate) fn register(&mut self, slot: u32, waker: &Waker) -> u32 {
        if let Some(registered) = self.at(slot) {
            if registered.waker.will_wake(waker) {
                return slot;
            }
            if registered.users == 1 {
                registered.waker.clone_from(waker);
                return slot;
            }
            registered.users -= 1;
        }
        let last = self.end().wrapping_sub(1);
        if let Some(registered) = self.at(last)
            && registered.waker.will_wake(waker)
        {
            registered.users += 1;
            return last;
        }
        let registered = Registered {
            waker: waker.clone(),
            users: 1,
        };
        match &mut self.first {
            None => self.first = Some(registered),
            Some(_) => self.more.push(registered),
        }
        self.end() - 1
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.len()
    }

    /// One past the last slot.
    fn end(&self) -> u32 {
        self.base + u32::from(self.first.is_some()) + self.more.len() as u32
    }

    fn at(&mut self, slot: u32) -> Option<&mut Registered> {
        match slot.checked_sub(self.base)? {
            0 => self.first.as_mut(),
            index => self.more.get_mut(index as usize - 1),
        }
    }

    /// Leaves an empty set.
    pub(crate) fn take(&mut self) -> Self {
        let base = self.end();
        std::mem::replace(
            self,
            Self {
                base,
                first: None,
                more: Vec::new(),
            },
        )
    }

    pub(crate) fn wake(self) {
        self.first
            .into_iter()
            .chain(self.more)
            .for_each(|registered| registered.waker.wake());
    }
}
