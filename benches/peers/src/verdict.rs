//! Whether a comparison meets its goal.

use crate::client::Client;
use crate::comparison::{Comparison, Measurement};
use crate::goal::{Against, Goal};
use crate::outcome::Latency;

/// The verdict on a goal, with the figures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    Met(String),
    NotMet(String),
    /// No verdict, with the reason.
    Open(String),
}

/// Judges a goal by the figures of a comparison.
pub(crate) fn verdict(goal: Goal, comparison: &Comparison) -> Verdict {
    let result = match comparison.of(Client::Linger) {
        Some(linger) => compare(goal, linger, comparison),
        None => Err("linger has no result".into()),
    };
    match result {
        Ok((true, measured)) => Verdict::Met(measured),
        Ok((false, measured)) => Verdict::NotMet(measured),
        Err(why) => Verdict::Open(why),
    }
}

/// Whether the goal is met, and the figures that decide.
fn compare(goal: Goal, linger: &Measurement, comparison: &Comparison) -> Result<(bool, String), String> {
    match goal {
        Goal::Rate {
            against,
            rate_min,
            cpu_max,
        } => {
            let (peer, its) = fastest(against, comparison)?;
            let rate = linger.records_per_s / its.records_per_s;
            let cpu = linger.client_cpu_ns / its.client_cpu_ns;
            let met = rate >= rate_min && cpu_max.is_none_or(|max| cpu <= max);
            let measured = format!(
                "{} x {}'s records/s at {} of its CPU per record",
                floored(rate),
                peer.name(),
                ceiled(cpu)
            );
            Ok((met, measured))
        }
        Goal::Latency { ratio_max } => {
            let own = linger.latency_us.ok_or("linger has no latencies")?;
            let compare = |which: fn(&Latency) -> f64| {
                let (peer, its) = least(comparison, |its| its.latency_us.as_ref().map(which))?;
                let ratio = which(&own) / its;
                Ok::<_, String>((
                    ratio <= ratio_max,
                    format!("{} x {}'s", ceiled(ratio), peer.name()),
                ))
            };
            let (p50_met, p50) = compare(|latency| latency.p50)?;
            let (p99_met, p99) = compare(|latency| latency.p99)?;
            Ok((p50_met && p99_met, format!("p50 {p50}, p99 {p99}")))
        }
        Goal::AboveFloor { us_max } => {
            let own = linger.latency_us.ok_or("linger has no latencies")?.p50;
            let floor = comparison.of(Client::Floor).and_then(|floor| floor.latency_us);
            let floor = floor.ok_or("the floor has no latencies")?.p50;
            let measured = format!("p50 {:.0} us, which is the floor's {:+.0} us", own, own - floor);
            Ok((own - floor <= us_max, measured))
        }
        Goal::Best => {
            let (peer, its) = fastest(Against::BestPeer, comparison)?;
            let rate = linger.records_per_s / its.records_per_s;
            let own = linger.both_cpu_ns().ok_or("the broker's CPU is not known")?;
            let (leanest, its) = least(comparison, Measurement::both_cpu_ns)?;
            let cpu = own / its;
            let measured = format!(
                "{} x {}'s records/s, {} x {}'s CPU of both",
                floored(rate),
                peer.name(),
                ceiled(cpu),
                leanest.name()
            );
            Ok((rate > 1.0 && cpu < 1.0, measured))
        }
    }
}

/// The peer that a rate is compared with.
fn fastest(against: Against, comparison: &Comparison) -> Result<(Client, &Measurement), String> {
    let mut peers: Vec<_> = match against {
        Against::BestPeer => comparison.peers().collect(),
        Against::BestPeerInOrder => comparison
            .peers()
            .filter(|(peer, _)| peer.keeps_order())
            .collect(),
        Against::FutureProducer => comparison
            .peers()
            .filter(|(peer, _)| *peer == Client::FutureProducer)
            .collect(),
    };
    peers.sort_by(|(_, one), (_, other)| one.records_per_s.total_cmp(&other.records_per_s));
    peers.pop().ok_or_else(|| format!("{against} has no result"))
}

/// The peer with the least value, and that value.
fn least(
    comparison: &Comparison,
    value: impl Fn(&Measurement) -> Option<f64>,
) -> Result<(Client, f64), String> {
    let values = comparison
        .peers()
        .filter_map(|(peer, measured)| Some((peer, value(measured)?)));
    values
        .min_by(|(_, one), (_, other)| one.total_cmp(other))
        .ok_or_else(|| "no peer has a result".into())
}

/// Two decimals, rounded down: never in Linger's favour. [`ceiled`] rounds up for the same reason.
fn floored(ratio: f64) -> String {
    format!("{:.2}", (ratio * 100.0).floor() / 100.0)
}

fn ceiled(ratio: f64) -> String {
    format!("{:.2}", (ratio * 100.0).ceil() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::testing::{comparison, latency, rate};

    const TWICE_AT_HALF: Goal = Goal::Rate {
        against: Against::BestPeer,
        rate_min: 2.0,
        cpu_max: Some(0.5),
    };

    #[test]
    fn a_rate_is_set_against_the_fastest_peer_and_its_cpu() {
        let of = |records_per_s, cpu| {
            verdict(
                TWICE_AT_HALF,
                &comparison(vec![
                    (Client::Linger, rate(records_per_s, cpu)),
                    (Client::Java, rate(10.0, 1.0)),
                    (Client::FranzGo, rate(20.0, 10.0)),
                    (Client::Floor, rate(1_000.0, 0.1)),
                ]),
            )
        };
        let said = |rate, cpu| format!("{rate} x franz-go's records/s at {cpu} of its CPU per record");
        assert_eq!(of(40.0, 5.0), Verdict::Met(said("2.00", "0.50")));
        assert_eq!(of(39.99, 5.0), Verdict::NotMet(said("1.99", "0.50")));
        assert_eq!(of(40.0, 5.01), Verdict::NotMet(said("2.00", "0.51")));
    }

    #[test]
    fn whoever_does_not_keep_order_is_no_peer_where_order_counts() {
        let of = |against| {
            let goal = Goal::Rate {
                against,
                rate_min: 1.0,
                cpu_max: None,
            };
            verdict(
                goal,
                &comparison(vec![
                    (Client::Linger, rate(2.0, 1.0)),
                    (Client::Rskafka, rate(4.0, 1.0)),
                    (Client::Krafka, rate(1.0, 1.0)),
                ]),
            )
        };
        assert!(matches!(of(Against::BestPeer), Verdict::NotMet(_)));
        assert!(matches!(of(Against::BestPeerInOrder), Verdict::Met(_)));
        assert_eq!(
            of(Against::FutureProducer),
            Verdict::Open("future-producer has no result".into())
        );
    }

    #[test]
    fn each_percentile_is_set_against_the_least_of_any_peer() {
        let of = |p50, p99| {
            verdict(
                Goal::Latency { ratio_max: 1.05 },
                &comparison(vec![
                    (Client::Linger, latency(p50, p99)),
                    (Client::Java, latency(100.0, 900.0)),
                    (Client::Krafka, latency(200.0, 300.0)),
                ]),
            )
        };
        assert_eq!(
            of(105.0, 300.0),
            Verdict::Met("p50 1.05 x java's, p99 1.00 x krafka's".into())
        );
        assert!(matches!(of(106.0, 300.0), Verdict::NotMet(_)));
        assert!(matches!(of(100.0, 316.0), Verdict::NotMet(_)));
    }

    #[test]
    fn an_idle_wire_is_set_against_the_floor() {
        let of = |p50| {
            verdict(
                Goal::AboveFloor { us_max: 100.0 },
                &comparison(vec![
                    (Client::Linger, latency(p50, 500.0)),
                    (Client::Floor, latency(60.0, 90.0)),
                ]),
            )
        };
        assert_eq!(
            of(160.0),
            Verdict::Met("p50 160 us, which is the floor's +100 us".into())
        );
        assert!(matches!(of(161.0), Verdict::NotMet(_)));
    }

    #[test]
    fn the_best_has_the_most_records_at_the_least_cpu_of_both() {
        let of = |lingers: Measurement| {
            verdict(
                Goal::Best,
                &comparison(vec![
                    (Client::Linger, lingers),
                    (Client::FranzGo, rate(2.0, 300.0)),
                    (Client::Java, rate(1.0, 200.0)),
                ]),
            )
        };
        assert_eq!(
            of(rate(3.0, 100.0)),
            Verdict::Met("1.50 x franz-go's records/s, 0.67 x java's CPU of both".into())
        );
        assert!(matches!(of(rate(3.0, 250.0)), Verdict::NotMet(_)));
        assert!(matches!(of(rate(1.9, 100.0)), Verdict::NotMet(_)));
    }

    #[test]
    fn without_a_result_of_linger_nothing_can_be_said() {
        let peers_only = comparison(vec![(Client::Java, rate(1.0, 1.0))]);
        assert!(matches!(verdict(TWICE_AT_HALF, &peers_only), Verdict::Open(_)));
    }
}
