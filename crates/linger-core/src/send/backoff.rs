//! Exponential backoff with jitter (KIP-580), from a generator seeded by the caller.

use std::time::Duration;

/// A small generator (SplitMix64): decisions need spread, not secrecy, and the same seed must give
/// the same run.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// Starts from `seed`; every seed is good.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }
}

/// `min(max, initial · 2ⁿ · U(0.8, 1.2))`: how long to wait after the n-th failure in a row, n from
/// 0.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
}

impl Backoff {
    /// A backoff from `initial` to at most `max`. An `initial` above `max` counts as `max`.
    pub fn new(initial: Duration, max: Duration) -> Self {
        Self {
            initial: initial.min(max),
            max,
        }
    }

    /// The first wait, before jitter.
    pub fn initial(&self) -> Duration {
        self.initial
    }

    /// How long to wait after `failures` earlier failures in a row.
    pub fn delay(&self, failures: u32, rng: &mut Rng) -> Duration {
        let exponential = self
            .initial
            .saturating_mul(1_u32 << failures.min(20))
            .min(self.max);
        let permille = 800 + rng.below(401) as u32;
        (exponential * permille / 1000).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_within_its_jitter_and_stops_at_the_maximum() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let mut rng = Rng::new(1);
        for (failures, nominal) in [(0, 100), (1, 200), (2, 400), (3, 800)] {
            for _ in 0..1000 {
                let delay = backoff.delay(failures, &mut rng).as_millis();
                assert!(
                    (nominal * 8 / 10..=nominal * 12 / 10).contains(&delay),
                    "{failures}: {delay}"
                );
            }
        }
        for failures in [4, 31, u32::MAX] {
            assert!(backoff.delay(failures, &mut rng) <= Duration::from_secs(1));
            assert!(backoff.delay(failures, &mut rng) >= Duration::from_millis(800));
        }
    }

    #[test]
    fn zero_is_no_wait() {
        let backoff = Backoff::new(Duration::ZERO, Duration::ZERO);
        assert_eq!(backoff.delay(7, &mut Rng::new(3)), Duration::ZERO);
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut a, mut b) = (Rng::new(42), Rng::new(42));
        assert!((0..100).all(|_| a.next_u64() == b.next_u64()));
        assert_eq!(a.below(0), 0);
        assert!((0..1000).all(|_| a.below(3) < 3));
    }
}
