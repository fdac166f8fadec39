//! What the rounds say: tables for a terminal and for a page, and the files that keep them.

use std::path::Path;

use crate::clients::Client;
use crate::comparison::{Comparison, Entry, Measurement, Missing};
use crate::settings::Format;
use crate::turn::Turn;

/// The comparisons made, one for each preset, in the order of the presets.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Report {
    comparisons: Vec<Comparison>,
}

/// A line for a turn that has ended.
pub(crate) fn progress(round: usize, client: Client, turn: &Turn) -> String {
    let result = match turn.outcome.latency_us {
        Some(latency) => format!("p50 {:>6.0} us  p99 {:>6.0} us", latency.p50, latency.p99),
        None => format!("{:>7.3} M records/s", turn.rate() / 1e6),
    };
    let cpu_ns = turn.client_cpu_ns();
    format!(
        "round {round}  {:<16} {result}  {cpu_ns:>7.0} ns of CPU per record",
        client.name()
    )
}

/// Writes a comparison to a directory, beside those of other presets that it has.
pub(crate) fn keep(directory: &Path, comparison: &Comparison) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    std::fs::create_dir_all(directory).map_err(failed)?;
    let results = directory.join("results.json");
    let mut report: Report = match std::fs::read_to_string(&results) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| format!("{}: {error}", results.display()))?,
        Err(_) => Report::default(),
    };
    report.put(comparison.clone());
    std::fs::write(&results, report.json()).map_err(failed)?;
    std::fs::write(directory.join("table.md"), report.markdown()).map_err(failed)
}

impl Report {
    /// Adds a comparison in its preset's place, instead of an older one.
    pub(crate) fn put(&mut self, comparison: Comparison) {
        self.comparisons.retain(|other| other.preset != comparison.preset);
        self.comparisons.push(comparison);
        let order: Vec<&str> = crate::preset::all().iter().map(|preset| preset.name).collect();
        self.comparisons
            .sort_by_key(|comparison| order.iter().position(|name| *name == comparison.preset));
    }

    pub(crate) fn failures(&self) -> Vec<String> {
        let failure = |comparison: &Comparison, entry: &Entry| match &entry.result {
            Err(Missing::Failed(why)) => {
                Some(format!("{}: {} failed: {why}", comparison.preset, entry.client))
            }
            Ok(_) | Err(Missing::Absent(_)) => None,
        };
        let comparisons = self.comparisons.iter();
        comparisons
            .flat_map(|all| all.clients.iter().filter_map(|entry| failure(all, entry)))
            .collect()
    }

    pub(crate) fn text(&self, format: Format) -> String {
        match format {
            Format::Table => self
                .comparisons
                .iter()
                .map(terminal)
                .collect::<Vec<_>>()
                .join("\n"),
            Format::Json => self.json(),
        }
    }

    fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is text and numbers") + "\n"
    }

    fn markdown(&self) -> String {
        self.comparisons
            .iter()
            .map(markdown)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// A table's cells, the heads first.
fn table(comparison: &Comparison) -> Vec<Vec<String>> {
    let mut heads = vec!["client", "version"];
    heads.extend(match comparison.is_of_latency() {
        true => ["p50 us", "p99 us", "p99.9 us"].as_slice(),
        false => &["M records/s"],
    });
    heads.extend(["client CPU ns/record", "broker CPU ns/record"]);
    heads.extend(match comparison.is_of_latency() {
        true => ["p50, linger's = 1", "p99, linger's = 1"],
        false => ["linger's rate is", "linger's CPU is"],
    });
    let mut rows = vec![heads.into_iter().map(Into::into).collect()];
    rows.extend(comparison.clients.iter().map(|entry| row(comparison, entry)));
    rows
}

fn row(comparison: &Comparison, entry: &Entry) -> Vec<String> {
    let mut cells = vec![entry.client.clone()];
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
    cells.push(format!("{:.0}", measured.client_cpu_ns));
    cells.push(
        measured
            .broker_cpu_ns
            .map_or_else(|| "-".into(), |ns| format!("{ns:.0}")),
    );
    cells.extend(ratios(comparison, measured));
    cells
}

/// A client against Linger.
fn ratios(comparison: &Comparison, measured: &Measurement) -> [String; 2] {
    let Some(linger) = comparison.linger() else {
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

/// Three digits that mean something.
fn significant(number: f64) -> String {
    match number {
        _ if number >= 10.0 => format!("{number:.1}"),
        _ if number >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

fn heading(comparison: &Comparison) -> String {
    format!(
        "{}. {}; {}; medians of {} rounds; {}",
        comparison.title, comparison.workload, comparison.broker, comparison.rounds, comparison.machine
    )
}

fn terminal(comparison: &Comparison) -> String {
    let rows = table(comparison);
    let columns = rows[0].len();
    // A row that is shorter holds a sentence, which needs no column.
    let whole = |column: usize| {
        rows.iter()
            .filter(move |row| row.len() == columns)
            .map(move |row| row[column].len())
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| whole(column).max().unwrap_or(0))
        .collect();
    let mut text = format!("\n{}: {}\n\n", comparison.preset, heading(comparison));
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            match column {
                0 => text.push_str(&format!("{cell:<width$}", width = width.max(16))),
                1 if row.len() == columns => text.push_str(&format!("  {cell:<width$}")),
                1 => text.push_str(&format!("  {cell}")),
                _ => text.push_str(&format!("  {cell:>width$}")),
            }
        }
        text.push('\n');
    }
    text
}

fn markdown(comparison: &Comparison) -> String {
    let mut text = format!("## {}\n\n{}\n\n", comparison.preset, heading(comparison));
    for (index, row) in table(comparison).iter().enumerate() {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
        if index == 0 {
            text.push_str(&format!("|---|---|{}\n", "---:|".repeat(row.len() - 2)));
        }
    }
    text.push_str("\nSettings:\n\n");
    for entry in &comparison.clients {
        if let Ok(measured) = &entry.result {
            text.push_str(&format!("- {}: {}\n", entry.client, measured.settings));
        }
    }
    text
}
