//! One comparison as a table: a row per client.

use linger_lab::report::table::Table;

use crate::client::Client;
use crate::comparison::{Comparison, Entry, Measurement, Missing};

/// The table of a comparison. A client without a result has a sentence instead of figures.
pub(crate) fn of(comparison: &Comparison) -> Table {
    let mut header = vec!["client", "version"];
    header.extend(match comparison.is_of_latency() {
        true => ["p50 us", "p99 us", "p99.9 us"].as_slice(),
        false => &["M records/s"],
    });
    header.extend(["client CPU ns/record", "broker's", "both"]);
    header.extend(match comparison.is_of_latency() {
        true => ["p50, linger's = 1", "p99, linger's = 1"],
        false => ["linger's rate is", "linger's CPU is"],
    });
    Table::new(header, 2).with_rows(comparison.clients.iter().map(|entry| row(comparison, entry)))
}

fn row(comparison: &Comparison, entry: &Entry) -> Vec<String> {
    let mut cells = vec![entry.client.name().to_owned()];
    let measured = match &entry.result {
        Ok(measured) => measured,
        Err(Missing::Absent(why)) => {
            cells.push(format!("absent: {why}"));
            return cells;
        }
        Err(Missing::Failed(why)) => {
            cells.push(format!("FAILED: {why}"));
            return cells;
        }
    };
    cells.push(measured.version.clone());
    match (comparison.is_of_latency(), measured.latency_us) {
        (true, Some(latency)) => {
            cells.extend([latency.p50, latency.p99, latency.p999].map(|us| format!("{us:.0}")))
        }
        (true, None) => cells.extend(["-", "-", "-"].map(Into::into)),
        (false, _) => cells.push(significant(measured.records_per_s / 1e6)),
    }
    let ns = |ns: Option<f64>| ns.map_or_else(|| "-".into(), |ns| format!("{ns:.0}"));
    cells.push(ns(Some(measured.client_cpu_ns)));
    cells.push(ns(measured.broker_cpu_ns));
    cells.push(ns(measured.both_cpu_ns()));
    cells.extend(ratios(comparison, measured));
    cells
}

/// The ratios of Linger and a client.
fn ratios(comparison: &Comparison, measured: &Measurement) -> [String; 2] {
    let Some(linger) = comparison.of(Client::Linger) else {
        return ["-", "-"].map(Into::into);
    };
    if !comparison.is_of_latency() {
        let times = |ratio: f64| format!("{ratio:.2} x");
        return [
            times(linger.records_per_s / measured.records_per_s),
            times(linger.client_cpu_ns / measured.client_cpu_ns),
        ];
    }
    match (measured.latency_us, linger.latency_us) {
        (Some(own), Some(lingers)) => {
            [own.p50 / lingers.p50, own.p99 / lingers.p99].map(|ratio| format!("{ratio:.2}"))
        }
        _ => ["-", "-"].map(Into::into),
    }
}

/// Three significant digits.
pub(crate) fn significant(number: f64) -> String {
    match number {
        _ if number >= 10.0 => format!("{number:.1}"),
        _ if number >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::testing::{comparison, latency, rate};

    fn cells(comparison: &Comparison, row: usize) -> String {
        of(comparison).rows()[row].join(" | ")
    }

    #[test]
    fn a_rate_is_shown_with_its_cpu_and_lingers_multiple_of_it() {
        let comparison = comparison(vec![
            (Client::Linger, rate(4e6, 100.0)),
            (Client::Java, rate(2e6, 400.0)),
        ]);
        assert_eq!(
            cells(&comparison, 1),
            "java | 1.0 | 2.00 | 400 | 100 | 500 | 2.00 x | 0.25 x"
        );
    }

    #[test]
    fn a_latency_is_shown_as_a_multiple_of_lingers() {
        let comparison = comparison(vec![
            (Client::Linger, latency(100.0, 200.0)),
            (Client::Floor, latency(50.0, 300.0)),
        ]);
        assert_eq!(
            cells(&comparison, 1),
            "floor | 1.0 | 50 | 300 | 300 | 1000 | 100 | 1100 | 0.50 | 1.50"
        );
    }

    #[test]
    fn a_client_without_a_result_says_why() {
        let mut comparison = comparison(vec![(Client::Linger, rate(4e6, 100.0))]);
        comparison.clients[0].result = Err(Missing::Absent("this machine has no go".into()));
        assert_eq!(cells(&comparison, 0), "linger | absent: this machine has no go");
    }
}
