//! The rules of a cluster, in order, and what each has done.

use super::context::Context;
use super::effect::Effect;
use super::error::{RULES_MAX, RuleError};
use super::point::Point;
use super::rule::{Rule, Trigger};
use crate::rng::Rng;

/// Names a rule of a [`Faults`]; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u64);

/// A rule and how often it has fired.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleReport {
    /// The rule's name.
    pub id: RuleId,
    /// The rule itself.
    pub rule: Rule,
    /// How many requests, or partitions of requests, came to the rule's point and matched.
    pub matched: u64,
    /// How often it fired.
    pub fired: u64,
}

/// The rules of a cluster, in order, and how often each has fired.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<Armed>,
    /// The points at which any active rule fires, as bits, so that a point without rules costs one
    /// comparison.
    points: u8,
    next_id: u64,
}

#[derive(Debug)]
struct Armed {
    report: RuleReport,
    removed: bool,
}

impl Faults {
    /// No faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule behind the others. If there are [`RULES_MAX`] rules, those that were removed are
    /// forgotten first.
    ///
    /// # Errors
    /// If [`RULES_MAX`] rules are active.
    pub fn add(&mut self, rule: Rule) -> Result<RuleId, RuleError> {
        if self.rules.len() >= RULES_MAX {
            self.rules.retain(|armed| !armed.removed);
        }
        if self.rules.len() >= RULES_MAX {
            return Err(RuleError::TooMany);
        }
        let id = RuleId(self.next_id);
        self.next_id += 1;
        self.points |= rule.point.bit();
        self.rules.push(Armed {
            report: RuleReport {
                id,
                rule,
                matched: 0,
                fired: 0,
            },
            removed: false,
        });
        Ok(id)
    }

    /// Removes a rule, whose counts stay. Returns whether there was such an active rule.
    pub fn remove(&mut self, id: RuleId) -> bool {
        let armed = self
            .rules
            .iter_mut()
            .find(|armed| armed.report.id == id && !armed.removed);
        let found = armed.map(|armed| armed.removed = true).is_some();
        let active = self.rules.iter().filter(|armed| !armed.removed);
        self.points = active.fold(0, |points, armed| points | armed.report.rule.point.bit());
        found
    }

    /// Returns whether any rule fires at this point: if not, [`Faults::decide`] need not be called.
    #[inline]
    pub fn any_at(&self, point: Point) -> bool {
        self.points & point.bit() != 0
    }

    /// Returns what happens to a request at a point: the effect of the first rule that matches and
    /// fires.
    ///
    /// If a rule matches and its trigger does not fire, the next rule is asked. The rules behind
    /// one that fired are not asked and do not count the request.
    #[inline]
    pub fn decide(&mut self, point: Point, context: &Context<'_>, rng: &mut Rng) -> Option<Effect> {
        if self.any_at(point) {
            self.ask_rules(point, context, rng)
        } else {
            None
        }
    }

    fn ask_rules(&mut self, point: Point, context: &Context<'_>, rng: &mut Rng) -> Option<Effect> {
        for armed in self.rules.iter_mut().filter(|armed| !armed.removed) {
            let report = &mut armed.report;
            if report.rule.point != point || !report.rule.matcher.matches(context) {
                continue;
            }
            report.matched += 1;
            let fires = match report.rule.trigger {
                Trigger::Always => true,
                Trigger::Nth(nth) => report.matched == nth,
                Trigger::Times(count) => report.matched <= count,
                Trigger::Every(nth) => report.matched % nth == 0,
                Trigger::Probability(probability) => rng.chance(probability),
            };
            if fires {
                report.fired += 1;
                return Some(report.rule.effect.clone());
            }
        }
        None
    }

    /// Returns how often a rule fired; 0 for a rule that does not exist.
    pub fn fired(&self, id: RuleId) -> u64 {
        self.rules
            .iter()
            .find(|armed| armed.report.id == id)
            .map_or(0, |armed| armed.report.fired)
    }

    /// Returns every rule, removed ones included, in the order in which they were added.
    pub fn reports(&self) -> impl Iterator<Item = &RuleReport> {
        self.rules.iter().map(|armed| &armed.report)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use linger_protocol::ApiKey;
    use rstest::rstest;

    use super::*;

    fn produce_to(topic: &'static str, partition: i32) -> Context<'static> {
        Context {
            api: ApiKey::Produce,
            version: 9,
            broker: 1,
            client_id: Some("shop"),
            connection: 2,
            topic: Some(topic),
            partition: Some(partition),
            elapsed: Duration::from_secs(5),
        }
    }

    /// Shows a rule the same request this many times, at the rule's point; gives which of them
    /// (from 1) it hit.
    fn hits(rule: &str, times: u64, context: &Context<'_>) -> Vec<u64> {
        let rule: Rule = rule.parse().unwrap();
        let point = rule.point();
        let mut faults = Faults::new();
        let id = faults.add(rule).unwrap();
        let mut rng = Rng::new(1);
        let hit: Vec<u64> = (1..=times)
            .filter(|_| faults.decide(point, context, &mut rng).is_some())
            .collect();
        assert_eq!(faults.fired(id), hit.len() as u64);
        hit
    }

    #[rstest]
    #[case("produce:appended:lose", &[1, 2, 3, 4, 5, 6])]
    #[case("produce:nth=3:appended:lose", &[3])]
    #[case("produce:times=2:appended:lose", &[1, 2])]
    #[case("produce:every=3:appended:lose", &[3, 6])]
    #[case("produce:probability=1:appended:lose", &[1, 2, 3, 4, 5, 6])]
    fn a_trigger_chooses_among_the_matches(#[case] rule: &str, #[case] expected: &[u64]) {
        assert_eq!(hits(rule, 6, &produce_to("orders", 0)), expected);
    }

    #[rstest]
    #[case("produce:appended:lose", true)]
    #[case("appended:lose", true)]
    #[case("produce:topic=orders:appended:lose", true)]
    #[case("produce:topic=other:appended:lose", false)]
    #[case("produce:partition=3:appended:lose", true)]
    #[case("produce:partition=4:appended:lose", false)]
    #[case("broker=1:lose", true)]
    #[case("broker=2:lose", false)]
    #[case("client=shop:lose", true)]
    #[case("client=other:lose", false)]
    #[case("connection=2:lose", true)]
    #[case("connection=1:lose", false)]
    #[case("version=9:lose", true)]
    #[case("version=8:lose", false)]
    #[case("window=5s..6s:lose", true)]
    #[case("window=4s..5s:lose", false)]
    #[case("fetch:lose", false)]
    fn a_rule_matches_what_it_names(#[case] rule: &str, #[case] expected: bool) {
        assert_eq!(!hits(rule, 1, &produce_to("orders", 3)).is_empty(), expected);
    }

    #[test]
    fn probability_is_drawn_from_the_seed() {
        let count = hits(
            "produce:probability=0.25:appended:lose",
            4000,
            &produce_to("orders", 0),
        )
        .len();
        assert!((900..1100).contains(&count), "{count}");
    }

    #[test]
    fn the_first_rule_that_fires_wins_and_a_later_one_does_not_count() {
        let mut faults = Faults::new();
        let first = faults
            .add("produce:nth=2:appended:close".parse().unwrap())
            .unwrap();
        let second = faults.add("produce:appended:lose".parse().unwrap()).unwrap();
        let mut rng = Rng::new(1);
        let context = produce_to("orders", 0);
        let got: Vec<_> = (0..3)
            .map(|_| faults.decide(Point::Appended, &context, &mut rng))
            .collect();
        assert_eq!(got, [Some(Effect::Lose), Some(Effect::Close), Some(Effect::Lose)]);
        assert_eq!((faults.fired(first), faults.fired(second)), (1, 2));
        assert_eq!(
            faults.reports().map(|report| report.matched).collect::<Vec<_>>(),
            [3, 2]
        );
    }

    #[test]
    fn a_rule_fires_at_its_point_only() {
        let mut faults = Faults::new();
        faults.add("produce:appended:lose".parse().unwrap()).unwrap();
        let context = produce_to("orders", 0);
        for point in Point::ALL {
            let expected = point == Point::Appended;
            assert_eq!(faults.any_at(point), expected);
            assert_eq!(
                faults.decide(point, &context, &mut Rng::new(1)).is_some(),
                expected
            );
        }
    }

    #[test]
    fn a_removed_rule_keeps_its_count_and_fires_no_more() {
        let mut faults = Faults::new();
        let id = faults.add("produce:appended:lose".parse().unwrap()).unwrap();
        let context = produce_to("orders", 0);
        assert!(
            faults
                .decide(Point::Appended, &context, &mut Rng::new(1))
                .is_some()
        );
        assert!(faults.remove(id) && !faults.remove(id));
        assert!(!faults.any_at(Point::Appended));
        assert!(
            faults
                .decide(Point::Appended, &context, &mut Rng::new(1))
                .is_none()
        );
        assert_eq!(faults.fired(id), 1);
    }

    #[test]
    fn rules_are_limited_but_removed_ones_make_room() {
        let mut faults = Faults::new();
        let rule: Rule = "lose".parse().unwrap();
        let first = faults.add(rule.clone()).unwrap();
        (1..RULES_MAX).for_each(|_| assert!(faults.add(rule.clone()).is_ok()));
        assert_eq!(faults.add(rule.clone()), Err(RuleError::TooMany));
        assert!(faults.remove(first));
        assert_eq!(faults.add(rule), Ok(RuleId(RULES_MAX as u64)));
    }
}
