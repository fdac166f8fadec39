//! The results as one SVG picture: a panel per preset, a bar per client.
//!
//! A rate is a bar from 0, the longest being the most. Latencies are a bar from p50 to p99 on a logarithmic axis, since they
//! lie orders of magnitude apart. The floor has its own colour, and a line through all bars of its panel.

use crate::clients::Client;
use crate::comparison::{Comparison, Entry, Measurement, Missing};
use crate::goal::Verdict;
use crate::outcome::Latency;
use crate::report::Report;
use crate::table::significant;

const MARGIN: f64 = 20.0;
const PANEL_WIDTH: f64 = 424.0;
const PANEL_GAP: f64 = 26.0;
const COLUMNS: usize = 2;
const WIDTH: f64 = 2.0 * MARGIN + 2.0 * PANEL_WIDTH + PANEL_GAP;
/// Above the first panel: title and legend.
const HEAD_HEIGHT: f64 = 96.0;
const FOOT_LINE_HEIGHT: f64 = 16.0;
/// Above a panel's rows: its title, its verdict, the heads of its columns.
const PANEL_HEAD_HEIGHT: f64 = 62.0;
const ROW_HEIGHT: f64 = 19.0;
/// Below the rows: the axis and a space.
const PANEL_FOOT_HEIGHT: f64 = 34.0;
const BAR_HEIGHT: f64 = 11.0;
/// Where bars start in their panel: names are on the left.
const BARS_X: f64 = 106.0;
const BARS_WIDTH: f64 = 140.0;

const STYLE: &str = "
text { font: 12px system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif; fill: #1f2328 }
.ground { fill: #ffffff }
.title { font-size: 17px; font-weight: 600 }
.panel { font-size: 13px; font-weight: 600 }
.small { font-size: 11px }
.muted { fill: #59636e }
.own { font-weight: 600 }
.value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round }
.right { text-anchor: end }
.middle { text-anchor: middle }
.peer { fill: #9aa5b1 }
.linger { fill: #0b6bcb }
.floor { fill: #c98a1b }
.met { fill: #1a7f37; font-weight: 600 }
.missed { fill: #c2410c; font-weight: 600 }
.floor-line { stroke: #c98a1b; stroke-width: 1.2; stroke-dasharray: 3 3 }
.axis { stroke: #d5dae0; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.value { stroke: #0d1117 }
.ground { fill: #0d1117 }
.muted { fill: #9aa4af }
.peer { fill: #5f6b78 }
.linger { fill: #4da3ff }
.floor { fill: #e0a63c }
.met { fill: #4ac26b }
.missed { fill: #ff9a5c }
.floor-line { stroke: #e0a63c }
.axis { stroke: #30363d }
}
";

pub(crate) fn svg(report: &Report) -> String {
    let comparisons = report.comparisons();
    let mut panels = String::new();
    let mut y = HEAD_HEIGHT;
    for row in comparisons.chunks(COLUMNS) {
        for (column, comparison) in row.iter().enumerate() {
            let x = MARGIN + column as f64 * (PANEL_WIDTH + PANEL_GAP);
            panels.push_str(&format!(
                "<g transform=\"translate({x} {y})\">\n{}</g>\n",
                panel(comparison)
            ));
        }
        y += row.iter().map(panel_height).fold(0.0, f64::max);
    }
    let mut foot = String::new();
    for line in report.provenance() {
        foot.push_str(&text(MARGIN, y, "small muted", &line));
        y += FOOT_LINE_HEIGHT;
    }
    let height = y + MARGIN / 2.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\">\n<title>Linger beside other Kafka producers</title>\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n{}{panels}{foot}</svg>\n",
        head()
    )
}

fn head() -> String {
    let mut head = text(MARGIN, 30.0, "title", "Linger beside other Kafka producers");
    let mut x = MARGIN;
    for (class, meaning, width) in [
        ("linger", "Linger", 66.0),
        ("peer", "other producers", 116.0),
        ("floor", "the floor: encode, checksum, write, nothing else", 292.0),
    ] {
        head.push_str(&rect(x, 44.0, 11.0, 11.0, class));
        head.push_str(&text(x + 16.0, 54.0, "small", meaning));
        x += width;
    }
    head.push_str(&text(
        MARGIN,
        74.0,
        "small muted",
        "Rates are bars from 0: longer is better. Latencies are bars from p50 to p99 on a logarithmic axis: further left is better.",
    ));
    head
}

fn panel_height(comparison: &Comparison) -> f64 {
    PANEL_HEAD_HEIGHT + comparison.clients.len() as f64 * ROW_HEIGHT + PANEL_FOOT_HEIGHT
}

fn panel(comparison: &Comparison) -> String {
    let scale = Scale::of(comparison);
    let mut panel = text(0.0, 14.0, "panel", &comparison.title);
    panel.push_str(&verdict(comparison));
    let unit = if comparison.is_of_latency() {
        "p50 / p99, ms"
    } else {
        "M records/s"
    };
    let cpu = if counts_broker(comparison) {
        "CPU ns/record, client + broker"
    } else {
        "CPU ns/record"
    };
    let heads_y = PANEL_HEAD_HEIGHT - 10.0;
    panel.push_str(&text(BARS_X, heads_y, "small muted", unit));
    panel.push_str(&text(PANEL_WIDTH, heads_y, "small muted right", cpu));
    let rows_height = comparison.clients.len() as f64 * ROW_HEIGHT;
    panel.push_str(&scale.axis(PANEL_HEAD_HEIGHT, rows_height));
    let mut labels = String::new();
    for (index, entry) in best_first(comparison).into_iter().enumerate() {
        let y = PANEL_HEAD_HEIGHT + index as f64 * ROW_HEIGHT;
        if let Ok(measured) = &entry.result {
            let (from, to) = scale.bar(measured);
            let width = (to - from).max(1.5);
            panel.push_str(&rect(from, y + 2.0, width, BAR_HEIGHT, class(entry.client)));
        }
        labels.push_str(&row_labels(comparison, entry, &scale, y + 12.0));
    }
    // Over the bars, and under what is written beside them.
    if let Some(x) = comparison.of(Client::Floor).map(|floor| scale.reference(floor)) {
        let (top, bottom) = (PANEL_HEAD_HEIGHT - 3.0, PANEL_HEAD_HEIGHT + rows_height);
        panel.push_str(&format!(
            "<line class=\"floor-line\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>\n"
        ));
    }
    panel + &labels
}

fn verdict(comparison: &Comparison) -> String {
    let Some(goal) = comparison.goal else {
        return text(0.0, 31.0, "small muted", "not the preset's own workload: no goal");
    };
    let (class, word, measured) = match goal.verdict(comparison) {
        Verdict::Met(measured) => ("met", "met: ", measured),
        Verdict::NotMet(measured) => ("missed", "not met: ", measured),
        Verdict::Open(why) => ("muted", "goal open: ", why),
    };
    format!(
        "<text x=\"0\" y=\"31\" class=\"small\"><title>{}</title><tspan class=\"{class}\">{word}</tspan>{}</text>\n",
        escaped(&goal.to_string()),
        escaped(&measured)
    )
}

/// Whether the CPU of both is what counts: the broker is one that people run.
fn counts_broker(comparison: &Comparison) -> bool {
    comparison.goal == Some(crate::goal::Goal::Best)
}

/// The clients by what they reach; those without a result come last.
fn best_first(comparison: &Comparison) -> Vec<&Entry> {
    let mut entries: Vec<&Entry> = comparison.clients.iter().collect();
    let rank = |entry: &Entry| match &entry.result {
        Ok(measured) if comparison.is_of_latency() => {
            measured.latency_us.map_or(f64::INFINITY, |latency| latency.p50)
        }
        Ok(measured) => -measured.records_per_s,
        Err(_) => f64::INFINITY,
    };
    entries.sort_by(|one, other| rank(one).total_cmp(&rank(other)));
    entries
}

fn class(client: Client) -> &'static str {
    match client {
        Client::Linger | Client::LingerDropped => "linger",
        Client::Floor => "floor",
        _ => "peer",
    }
}

/// A client's name, figures and CPU, or why it has none.
fn row_labels(comparison: &Comparison, entry: &Entry, scale: &Scale, baseline: f64) -> String {
    let emphasis = if class(entry.client) == "linger" {
        " own"
    } else {
        ""
    };
    let mut row = text(
        BARS_X - 8.0,
        baseline,
        &format!("right{emphasis}"),
        entry.client.name(),
    );
    let measured = match &entry.result {
        Ok(measured) => measured,
        Err(missing) => {
            let (word, why) = match missing {
                Missing::Absent(why) => ("absent", why),
                Missing::Failed(why) => ("FAILED", why),
            };
            row.push_str(&format!(
                "<text x=\"{}\" y=\"{baseline}\" class=\"small muted value\"><title>{}</title>{word}</text>\n",
                BARS_X + 6.0,
                escaped(why)
            ));
            return row;
        }
    };
    let (_, bar_end) = scale.bar(measured);
    let value = match measured.latency_us {
        Some(latency) if comparison.is_of_latency() => {
            format!("{} / {}", ms(latency.p50), ms(latency.p99))
        }
        _ => significant(measured.records_per_s / 1e6),
    };
    row.push_str(&text(
        bar_end + 6.0,
        baseline,
        &format!("value{emphasis}"),
        &value,
    ));
    let cpu = match measured.both_cpu_ns() {
        Some(both) if counts_broker(comparison) => {
            let broker = both - measured.client_cpu_ns;
            format!("{:.0} + {broker:.0} = {both:.0}", measured.client_cpu_ns)
        }
        _ => thousands(measured.client_cpu_ns),
    };
    row.push_str(&text(PANEL_WIDTH, baseline, &format!("right{emphasis}"), &cpu));
    row
}

/// How figures become positions in a panel.
enum Scale {
    FromZero {
        max: f64,
    },
    /// From one power of ten to another, in microseconds.
    Decades {
        first: i32,
        last: i32,
    },
}

impl Scale {
    fn of(comparison: &Comparison) -> Self {
        let results = || {
            comparison
                .clients
                .iter()
                .filter_map(|entry| entry.result.as_ref().ok())
        };
        if !comparison.is_of_latency() {
            let max = results()
                .map(|measured| measured.records_per_s)
                .fold(0.0, f64::max);
            return Self::FromZero { max };
        }
        let latencies: Vec<Latency> = results().filter_map(|measured| measured.latency_us).collect();
        let least = latencies
            .iter()
            .map(|latency| latency.p50)
            .fold(f64::INFINITY, f64::min);
        let most = latencies.iter().map(|latency| latency.p99).fold(0.0, f64::max);
        // Without a result there is a scale all the same: from 1 us to 10 us.
        let decade = |us: f64| if us.is_finite() { us.max(1.0).log10() } else { 0.0 };
        let first = decade(least).floor() as i32;
        Self::Decades {
            first,
            last: (decade(most).ceil() as i32).max(first + 1),
        }
    }

    fn x(&self, value: f64) -> f64 {
        let share = match *self {
            Self::FromZero { max } if max > 0.0 => value / max,
            Self::FromZero { .. } => 0.0,
            Self::Decades { first, last } => {
                (value.max(1.0).log10() - f64::from(first)) / f64::from(last - first)
            }
        };
        BARS_X + BARS_WIDTH * share.clamp(0.0, 1.0)
    }

    /// Where a bar starts and ends.
    fn bar(&self, measured: &Measurement) -> (f64, f64) {
        match (self, measured.latency_us) {
            (Self::FromZero { .. }, _) => (BARS_X, self.x(measured.records_per_s)),
            (Self::Decades { .. }, Some(latency)) => (self.x(latency.p50), self.x(latency.p99)),
            (Self::Decades { .. }, None) => (BARS_X, BARS_X),
        }
    }

    /// Where the floor's line is: at its rate, or at its p50.
    fn reference(&self, floor: &Measurement) -> f64 {
        let (from, to) = self.bar(floor);
        match self {
            Self::FromZero { .. } => to,
            Self::Decades { .. } => from,
        }
    }

    /// Lines behind the bars: where they start, or each power of ten.
    fn axis(&self, top: f64, height: f64) -> String {
        let bottom = top + height;
        let line = |x: f64| {
            format!("<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>\n")
        };
        match *self {
            Self::FromZero { .. } => line(BARS_X),
            Self::Decades { first, last } => (first..=last)
                .map(|decade| {
                    let us = 10_f64.powi(decade);
                    let x = self.x(us);
                    line(x) + &text(x, bottom + 12.0, "small muted middle", &format!("{}", us / 1e3))
                })
                .collect(),
        }
    }
}

fn ms(us: f64) -> String {
    match us / 1e3 {
        ms if ms >= 10.0 => format!("{ms:.0}"),
        ms if ms >= 1.0 => format!("{ms:.1}"),
        ms if ms >= 0.1 => format!("{ms:.2}"),
        ms => format!("{ms:.3}"),
    }
}

/// A whole number with commas.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn rect(x: f64, y: f64, width: f64, height: f64, class: &str) -> String {
    format!(
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\" rx=\"2\"/>\n"
    )
}

fn text(x: f64, y: f64, class: &str, text: &str) -> String {
    format!(
        "<text x=\"{x:.1}\" y=\"{y}\" class=\"{class}\">{}</text>\n",
        escaped(text)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::testing::{comparison, latency, rate};
    use crate::goal::Goal;

    fn svg_of(comparison: Comparison) -> String {
        let mut report = Report::default();
        report.put(comparison);
        svg(&report)
    }

    /// Every text of a picture, which has to be well formed.
    fn texts(svg: &str) -> Vec<String> {
        let document = roxmltree::Document::parse(svg).expect("well-formed XML");
        let texts = document
            .descendants()
            .filter(|node| node.is_element() && node.has_tag_name("text"));
        texts
            .map(|node| {
                let parts = node.descendants().filter(|part| part.is_text());
                parts.filter_map(|part| part.text()).collect()
            })
            .collect()
    }

    /// The widths of the bars of a class; the first is the legend's.
    fn bars(svg: &str, class: &str) -> Vec<f64> {
        let document = roxmltree::Document::parse(svg).expect("well-formed XML");
        let bars = document
            .descendants()
            .filter(|node| node.has_tag_name("rect") && node.attribute("class") == Some(class));
        bars.skip(1)
            .map(|bar| {
                bar.attribute("width")
                    .expect("a width")
                    .parse()
                    .expect("a number")
            })
            .collect()
    }

    #[test]
    fn every_client_is_there_with_its_figures_and_the_best_comes_first() {
        let svg = svg_of(comparison(vec![
            (Client::Java, rate(2e6, 1_812.4)),
            (Client::Linger, rate(8e6, 111.0)),
            (Client::Floor, rate(4e6, 77.0)),
        ]));
        let texts = texts(&svg);
        let at = |wanted: &str| {
            let found = texts.iter().position(|text| text == wanted);
            found.unwrap_or_else(|| panic!("{wanted} is not in {texts:?}"))
        };
        assert!(
            at("linger") < at("floor") && at("floor") < at("java"),
            "{texts:?}"
        );
        for figure in [
            "8.00",
            "111",
            "4.00",
            "77",
            "2.00",
            "1,812",
            "2 cores, 2026-11-27",
        ] {
            at(figure);
        }
        assert_eq!(bars(&svg, "linger"), [BARS_WIDTH]);
        assert_eq!(bars(&svg, "floor"), [BARS_WIDTH / 2.0]);
        assert_eq!(bars(&svg, "peer"), [BARS_WIDTH / 4.0]);
    }

    #[test]
    fn latencies_are_bars_from_p50_to_p99_over_powers_of_ten() {
        let svg = svg_of(comparison(vec![
            (Client::Krafka, latency(10.0, 100.0)),
            (Client::Linger, latency(100.0, 1_000.0)),
        ]));
        let texts = texts(&svg);
        for text in ["0.010 / 0.10", "0.10 / 1.0", "0.01", "0.1", "1"] {
            assert!(
                texts.iter().any(|other| other == text),
                "{text} is not in {texts:?}"
            );
        }
        // Two decades in all, one each.
        assert_eq!(bars(&svg, "peer"), [BARS_WIDTH / 2.0]);
        assert_eq!(bars(&svg, "linger"), [BARS_WIDTH / 2.0]);
    }

    #[test]
    fn where_both_count_the_cpu_is_a_sum() {
        let mut comparison = comparison(vec![(Client::Linger, rate(1e6, 200.0))]);
        comparison.goal = Some(Goal::Best);
        let texts = texts(&svg_of(comparison));
        assert!(texts.contains(&"200 + 100 = 300".into()), "{texts:?}");
    }

    #[test]
    fn whoever_has_no_result_is_named_with_the_reason() {
        let mut comparison = comparison(vec![
            (Client::FranzGo, rate(1.0, 1.0)),
            (Client::Java, rate(1.0, 1.0)),
        ]);
        comparison.clients[0].result = Err(Missing::Absent("no <go> & no \"luck\"".into()));
        comparison.clients[1].result = Err(Missing::Failed("it ended".into()));
        let texts = texts(&svg_of(comparison));
        for text in ["franz-go", "no <go> & no \"luck\"absent", "it endedFAILED"] {
            assert!(
                texts.iter().any(|other| other == text),
                "{text} is not in {texts:?}"
            );
        }
    }

    #[test]
    fn a_title_with_marks_of_xml_and_a_report_without_results_are_well_formed() {
        let mut comparison = comparison(Vec::new());
        comparison.title = "a < b & \"c\" > d".into();
        assert!(texts(&svg_of(comparison)).contains(&"a < b & \"c\" > d".into()));
        texts(&svg(&Report::default()));
    }
}
