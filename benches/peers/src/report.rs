//! The report, for a terminal, for a page and for programs.

use linger_lab::report::json;
use linger_lab::report::table::Table;

use crate::comparison::{Comparison, Entry, Missing};
use crate::table;
use crate::verdict::{Verdict, verdict};

/// The format of the standard output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Json,
}

/// One comparison per preset, in the order of the presets.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Report {
    comparisons: Vec<Comparison>,
}

impl Report {
    /// Adds a comparison. Replaces an older one of the same preset.
    pub(crate) fn put(&mut self, comparison: Comparison) {
        self.comparisons.retain(|other| other.preset != comparison.preset);
        self.comparisons.push(comparison);
        let order: Vec<&str> = crate::preset::all().iter().map(|preset| preset.name).collect();
        self.comparisons
            .sort_by_key(|comparison| order.iter().position(|name| *name == comparison.preset));
    }

    pub(crate) fn comparisons(&self) -> &[Comparison] {
        &self.comparisons
    }

    /// The machine and the date: once, if they are the same for all comparisons.
    pub(crate) fn provenance(&self) -> Vec<String> {
        let told = |one: &Comparison| format!("{}, {}", one.machine, one.date);
        let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
        for comparison in &self.comparisons {
            let line = told(comparison);
            match lines.iter_mut().find(|(known, _)| *known == line) {
                Some((_, presets)) => presets.push(&comparison.preset),
                None => lines.push((line, vec![&comparison.preset])),
            }
        }
        if let [(line, _)] = &lines[..] {
            return vec![line.clone()];
        }
        let with_presets = |(line, presets): (String, Vec<&str>)| format!("{}: {line}", presets.join(", "));
        lines.into_iter().map(with_presets).collect()
    }

    pub(crate) fn failures(&self) -> Vec<String> {
        let failure = |comparison: &Comparison, entry: &Entry| match &entry.result {
            Err(Missing::Failed(why)) => Some(format!(
                "{}: {} failed: {why}",
                comparison.preset,
                entry.client.name()
            )),
            Ok(_) | Err(Missing::Absent(_)) => None,
        };
        let comparisons = self.comparisons.iter();
        comparisons
            .flat_map(|all| all.clients.iter().filter_map(|entry| failure(all, entry)))
            .collect()
    }

    pub(crate) fn text(&self, format: Format) -> String {
        match format {
            Format::Table => self.terminal(),
            Format::Json => self.json(),
        }
    }

    pub(crate) fn json(&self) -> String {
        json::document(self)
    }

    fn terminal(&self) -> String {
        let mut text = String::new();
        for comparison in &self.comparisons {
            text.push_str(&format!(
                "\n{}: {}\n\n{}\nsettings:\n{}",
                comparison.preset,
                heading(comparison),
                table::of(comparison).text(),
                settings(comparison, "  ")
            ));
        }
        text.push_str("\ngoals:\n");
        for comparison in &self.comparisons {
            let [goal, measured, met] = judged(comparison);
            let preset = &comparison.preset;
            text.push_str(&format!(
                "  {preset:<8} {met:<8} {measured}\n  {:<17} {goal}\n",
                ""
            ));
        }
        text.push_str(&format!("\n{}\n", self.provenance().join("\n")));
        text
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("On {}.\n\n", self.provenance().join("; "));
        let goals = self.comparisons.iter().map(|comparison| {
            let [goal, measured, met] = judged(comparison);
            vec![comparison.preset.clone(), goal, measured, met]
        });
        let header = ["workload", "goal", "measured", ""];
        text.push_str(&Table::new(header, header.len()).with_rows(goals).markdown());
        for comparison in &self.comparisons {
            text.push_str(&format!(
                "\n#### {}\n\n{}\n\n",
                comparison.preset,
                heading(comparison)
            ));
            text.push_str(&table::of(comparison).markdown());
            text.push_str(&format!(
                "\n<details><summary>Settings</summary>\n\n{}\n</details>\n",
                settings(comparison, "- ")
            ));
        }
        text
    }
}

fn heading(comparison: &Comparison) -> String {
    format!(
        "{}. {}; {}; medians of {}",
        comparison.title,
        comparison.workload,
        comparison.broker,
        match comparison.rounds {
            1 => "one round".into(),
            rounds => format!("{rounds} rounds"),
        }
    )
}

/// The goal, the figures, and the verdict.
fn judged(comparison: &Comparison) -> [String; 3] {
    let Some(goal) = comparison.goal else {
        return ["none: this workload is not the preset's own", "", ""].map(Into::into);
    };
    let (measured, met) = match verdict(goal, comparison) {
        Verdict::Met(measured) => (measured, "met"),
        Verdict::NotMet(measured) => (measured, "NOT MET"),
        Verdict::Open(why) => (why, "open"),
    };
    let without = match comparison.missing_peers() {
        missing if missing.is_empty() => String::new(),
        missing => format!(" (without {})", missing.join(", ")),
    };
    [goal.to_string(), measured + &without, met.into()]
}

/// The settings of each client, one line each.
fn settings(comparison: &Comparison, indent: &str) -> String {
    let entries = comparison.clients.iter();
    let measured = entries.filter_map(|entry| Some((entry.client.name(), entry.result.as_ref().ok()?)));
    measured
        .map(|(client, measured)| format!("{indent}{client}: {}\n", measured.settings))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::comparison::testing::{comparison, rate};
    use crate::goal::{Against, Goal};

    fn report() -> Report {
        let mut comparison = comparison(vec![
            (Client::Linger, rate(4e6, 100.0)),
            (Client::FranzGo, rate(2e6, 400.0)),
        ]);
        comparison.goal = Some(Goal::Rate {
            against: Against::BestPeer,
            rate_min: 2.5,
            cpu_max: Some(0.4),
        });
        let mut report = Report::default();
        report.put(comparison);
        report
    }

    #[test]
    fn every_text_ends_with_the_verdict_and_names_who_was_missing() {
        let report = report();
        let measured = "2.00 x franz-go's records/s at 0.25 of its CPU per record \
                        (without librdkafka, future-producer, krafka, rskafka, java)";
        let markdown = report.markdown();
        assert!(
            markdown.contains(&format!("| {measured} | NOT MET |")),
            "{markdown}"
        );
        let terminal = report.text(Format::Table);
        assert!(
            terminal.contains(&format!("main     NOT MET  {measured}\n")),
            "{terminal}"
        );
    }

    #[test]
    fn every_text_states_every_setting() {
        let report = report();
        assert!(report.markdown().contains("- franz-go: acks=all\n"));
        assert!(report.text(Format::Table).contains("  franz-go: acks=all\n"));
    }

    #[test]
    fn machine_and_day_are_told_once_or_with_their_presets() {
        let mut report = report();
        assert_eq!(report.provenance(), ["2 cores, 2026-11-27"]);
        let mut later = report.comparisons[0].clone();
        later.preset = "big".into();
        later.date = "2026-11-28".into();
        report.put(later);
        assert_eq!(
            report.provenance(),
            ["main: 2 cores, 2026-11-27", "big: 2 cores, 2026-11-28"]
        );
    }

    #[test]
    fn a_client_that_failed_is_a_failure_and_one_that_is_absent_is_none() {
        let mut report = report();
        report.comparisons[0].clients[0].result = Err(Missing::Absent("not built".into()));
        report.comparisons[0].clients[1].result = Err(Missing::Failed("it ended".into()));
        assert_eq!(report.failures(), ["main: franz-go failed: it ended"]);
    }
}
