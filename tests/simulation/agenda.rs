//! What is to happen, ordered by virtual time and, at one instant, by when it was planned.

use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Agenda<T> {
    now: Duration,
    planned: u64,
    items: BTreeMap<(Duration, u64), T>,
}

impl<T> Agenda<T> {
    pub(crate) fn new() -> Self {
        Self {
            now: Duration::ZERO,
            planned: 0,
            items: BTreeMap::new(),
        }
    }

    /// Virtual time since the run began; never goes back.
    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    pub(crate) fn after(&mut self, delay: Duration, item: T) {
        self.at(self.now + delay, item);
    }

    /// Plans `item`, not before now.
    pub(crate) fn at(&mut self, at: Duration, item: T) {
        self.planned += 1;
        self.items.insert((at.max(self.now), self.planned), item);
    }

    pub(crate) fn next_at(&self) -> Option<Duration> {
        self.items.first_key_value().map(|(&(at, _), _)| at)
    }

    /// The next item that is due now, if any.
    pub(crate) fn due(&mut self) -> Option<T> {
        let first = self.items.first_entry()?;
        (first.key().0 <= self.now).then(|| first.remove())
    }

    pub(crate) fn advance(&mut self, to: Duration) {
        assert!(to >= self.now, "time does not go back");
        self.now = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_keeps_the_order_of_planning() {
        let mut agenda = Agenda::new();
        let ms = Duration::from_millis;
        agenda.after(ms(2), "c");
        agenda.after(ms(1), "a");
        agenda.after(ms(1), "b");
        assert_eq!((agenda.next_at(), agenda.due()), (Some(ms(1)), None));
        agenda.advance(ms(1));
        assert_eq!(
            [agenda.due(), agenda.due(), agenda.due()],
            [Some("a"), Some("b"), None]
        );
        agenda.advance(ms(5));
        assert_eq!(agenda.due(), Some("c"));
    }
}
