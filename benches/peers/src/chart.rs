//! The results as one SVG file: a panel per preset, a bar per client.
//!
//! A rate is a bar from 0. Latencies are a bar from p50 to p99 on a logarithmic axis, since they
//! differ by orders of magnitude. The floor has its own colour, and a line through all bars of its
//! panel.

use linger_lab::report::scale::Decades;
use linger_lab::report::svg::{Anchor, Drawing, Length, X};
use linger_lab::units::count;

use crate::client::Client;
use crate::comparison::{Comparison, Entry, Measurement, Missing};
use crate::goal::Goal;
use crate::report::Report;
use crate::table::significant;
use crate::verdict::{Verdict, verdict};

const TITLE: &str = "Linger beside other Kafka producers";
const MARGIN: f64 = 20.0;
const PANEL_WIDTH: f64 = 424.0;
const PANEL_GAP: f64 = 26.0;
const COLUMNS: usize = 2;
const WIDTH: f64 = 2.0 * MARGIN + 2.0 * PANEL_WIDTH + PANEL_GAP;
/// Above the first panel: title and legend.
const HEAD_HEIGHT: f64 = 96.0;
const FOOT_LINE_HEIGHT: f64 = 16.0;
/// Above the rows of a panel: its title, its verdict, the names of its columns.
const PANEL_HEAD_HEIGHT: f64 = 62.0;
const ROW_HEIGHT: f64 = 19.0;
/// Below the rows: the axis and a space.
const PANEL_FOOT_HEIGHT: f64 = 34.0;
const BAR_HEIGHT: f64 = 11.0;
const BAR_WIDTH_MIN: f64 = 1.5;
/// The left edge of the bars. The names of the clients are on its left.
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

/// Draws the report.
pub(crate) fn svg(report: &Report) -> String {
    let mut panels = Drawing::default();
    let mut y = HEAD_HEIGHT;
    for row in report.comparisons().chunks(COLUMNS) {
        for (column, comparison) in row.iter().enumerate() {
            let x = MARGIN + column as f64 * (PANEL_WIDTH + PANEL_GAP);
            panels.group(x, y, panel(comparison));
        }
        y += row.iter().map(panel_height).fold(0.0, f64::max);
    }
    for line in report.provenance() {
        start(&mut panels, "small muted", MARGIN, y, &line);
        y += FOOT_LINE_HEIGHT;
    }
    let height = y + MARGIN / 2.0;
    let mut drawing = Drawing::default();
    drawing.rect("ground", (px(0.0), 0.0), (px(WIDTH), height), 0.0);
    draw_head(&mut drawing);
    drawing.group(0.0, 0.0, panels);
    drawing.into_file(TITLE, STYLE, WIDTH, height)
}

fn draw_head(drawing: &mut Drawing) {
    start(drawing, "title", MARGIN, 30.0, TITLE);
    let mut x = MARGIN;
    for (class, meaning, width) in [
        ("linger", "Linger", 66.0),
        ("peer", "other producers", 116.0),
        ("floor", "the floor: encode, checksum, write, nothing else", 292.0),
    ] {
        drawing.rect(class, (px(x), 44.0), (px(11.0), 11.0), 2.0);
        start(drawing, "small", x + 16.0, 54.0, meaning);
        x += width;
    }
    let legend = "Rates are bars from 0: longer is better. Latencies are bars from p50 to p99 on a logarithmic axis: \
                  further left is better.";
    start(drawing, "small muted", MARGIN, 74.0, legend);
}

fn panel_height(comparison: &Comparison) -> f64 {
    PANEL_HEAD_HEIGHT + comparison.clients.len() as f64 * ROW_HEIGHT + PANEL_FOOT_HEIGHT
}

fn panel(comparison: &Comparison) -> Drawing {
    let mut panel = Drawing::default();
    let scale = Scale::of(comparison);
    let bottom = PANEL_HEAD_HEIGHT + comparison.clients.len() as f64 * ROW_HEIGHT;
    draw_panel_head(&mut panel, comparison);
    scale.draw_axis(&mut panel, bottom);
    let entries = best_first(comparison);
    for (index, entry) in entries.iter().enumerate() {
        if let Ok(measured) = &entry.result {
            let (from, to) = scale.bar(measured);
            let corner = (px(from), row_y(index) + 2.0);
            let size = (px((to - from).max(BAR_WIDTH_MIN)), BAR_HEIGHT);
            panel.rect(class(entry.client), corner, size, 2.0);
        }
    }
    // The floor's line is drawn over the bars, and the texts over the line.
    if let Some(x) = comparison.of(Client::Floor).map(|floor| scale.reference(floor)) {
        panel.line("floor-line", (px(x), PANEL_HEAD_HEIGHT - 3.0), (px(x), bottom));
    }
    for (index, entry) in entries.iter().enumerate() {
        draw_row_texts(&mut panel, comparison, entry, &scale, row_y(index) + 12.0);
    }
    panel
}

fn row_y(index: usize) -> f64 {
    PANEL_HEAD_HEIGHT + index as f64 * ROW_HEIGHT
}

fn draw_panel_head(panel: &mut Drawing, comparison: &Comparison) {
    start(panel, "panel", 0.0, 14.0, &comparison.title);
    draw_verdict(panel, comparison);
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
    let y = PANEL_HEAD_HEIGHT - 10.0;
    start(panel, "small muted", BARS_X, y, unit);
    panel.text("small muted", Anchor::End, X::pixels(PANEL_WIDTH), y, cpu);
}

fn draw_verdict(panel: &mut Drawing, comparison: &Comparison) {
    let Some(goal) = comparison.goal else {
        return start(
            panel,
            "small muted",
            0.0,
            31.0,
            "not the preset's own workload: no goal",
        );
    };
    let (class, word, measured) = match verdict(goal, comparison) {
        Verdict::Met(measured) => ("small met", "met: ", measured),
        Verdict::NotMet(measured) => ("small missed", "not met: ", measured),
        Verdict::Open(why) => ("small muted", "goal open: ", why),
    };
    let parts = [(class, word), ("small", measured.as_str())];
    panel.spans(
        Anchor::Start,
        X::pixels(0.0),
        31.0,
        &parts,
        Some(&goal.to_string()),
    );
}

/// Whether the CPU of the broker counts too: the broker is one that people run.
fn counts_broker(comparison: &Comparison) -> bool {
    comparison.goal == Some(Goal::Best)
}

/// The clients by their result. Clients without a result come last.
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

/// Writes a client's name, figures and CPU, or why it has none.
fn draw_row_texts(panel: &mut Drawing, comparison: &Comparison, entry: &Entry, scale: &Scale, baseline: f64) {
    let own = if class(entry.client) == "linger" {
        "own"
    } else {
        ""
    };
    panel.text(
        own,
        Anchor::End,
        X::pixels(BARS_X - 8.0),
        baseline,
        entry.client.name(),
    );
    let measured = match &entry.result {
        Ok(measured) => measured,
        Err(missing) => {
            let (word, why) = match missing {
                Missing::Absent(why) => ("absent", why),
                Missing::Failed(why) => ("FAILED", why),
            };
            let parts = [("small muted value", word)];
            return panel.spans(
                Anchor::Start,
                X::pixels(BARS_X + 6.0),
                baseline,
                &parts,
                Some(why),
            );
        }
    };
    let (_, bar_end) = scale.bar(measured);
    let value = match measured.latency_us {
        Some(latency) if comparison.is_of_latency() => format!("{} / {}", ms(latency.p50), ms(latency.p99)),
        _ => significant(measured.records_per_s / 1e6),
    };
    start(panel, &format!("value {own}"), bar_end + 6.0, baseline, &value);
    let cpu = match measured.both_cpu_ns() {
        Some(both) if counts_broker(comparison) => {
            let broker = both - measured.client_cpu_ns;
            format!("{:.0} + {broker:.0} = {both:.0}", measured.client_cpu_ns)
        }
        _ => count(measured.client_cpu_ns.round() as u64),
    };
    panel.text(own, Anchor::End, X::pixels(PANEL_WIDTH), baseline, &cpu);
}

/// The axis of a panel.
enum Scale {
    /// Records per second, from 0.
    Rate { max: f64 },
    /// Microseconds, in powers of ten.
    Latency(Decades),
}

impl Scale {
    fn of(comparison: &Comparison) -> Self {
        let entries = comparison.clients.iter();
        let results = entries.filter_map(|entry| entry.result.as_ref().ok());
        if comparison.is_of_latency() {
            let latencies = results.filter_map(|measured| measured.latency_us);
            Self::Latency(Decades::around(
                latencies.flat_map(|latency| [latency.p50, latency.p99]),
            ))
        } else {
            let max = results.map(|measured| measured.records_per_s).fold(0.0, f64::max);
            Self::Rate { max }
        }
    }

    fn x(&self, value: f64) -> f64 {
        let share = match self {
            Self::Rate { max } if *max > 0.0 => value / max,
            Self::Rate { .. } => 0.0,
            Self::Latency(decades) => decades.percent(value) / 100.0,
        };
        BARS_X + BARS_WIDTH * share
    }

    /// The left and right edge of a bar.
    fn bar(&self, measured: &Measurement) -> (f64, f64) {
        match (self, measured.latency_us) {
            (Self::Rate { .. }, _) => (BARS_X, self.x(measured.records_per_s)),
            (Self::Latency(_), Some(latency)) => (self.x(latency.p50), self.x(latency.p99)),
            (Self::Latency(_), None) => (BARS_X, BARS_X),
        }
    }

    /// The position of the floor's line: its rate, or its p50.
    fn reference(&self, floor: &Measurement) -> f64 {
        let (from, to) = self.bar(floor);
        match self {
            Self::Rate { .. } => to,
            Self::Latency(_) => from,
        }
    }

    /// Draws the lines behind the bars: at 0, or at each power of ten.
    fn draw_axis(&self, panel: &mut Drawing, bottom: f64) {
        let mut line = |x: f64| panel.line("axis", (px(x), PANEL_HEAD_HEIGHT), (px(x), bottom));
        let Self::Latency(decades) = self else {
            return line(BARS_X);
        };
        decades.ticks().for_each(|us| line(self.x(us)));
        for us in decades.ticks() {
            let label = format!("{}", us / 1e3);
            panel.text(
                "small muted",
                Anchor::Middle,
                X::pixels(self.x(us)),
                bottom + 12.0,
                &label,
            );
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

fn px(value: f64) -> Length {
    Length::Pixels(value)
}

/// Writes a text that starts at `x`.
fn start(drawing: &mut Drawing, class: &str, x: f64, y: f64, text: &str) {
    drawing.text(class, Anchor::Start, X::pixels(x), y, text);
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
