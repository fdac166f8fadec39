//! The plot of latencies: the percentiles and the maximum of each run, on one axis of powers of
//! ten.

use std::time::Duration;

use maud::Markup;

use super::bars::class;
use crate::experiments::compare::outcome::{CodecReport, RunReport};
use crate::report::scale::Decades;
use crate::report::svg::{Anchor, Drawing, Length, Shape, X};
use crate::units::duration;

/// Heights in pixels: the legend, a codec's name, a run with its figures above its marks, the gap
/// between codecs, the axis.
const LEGEND: f64 = 30.0;
const NAME: f64 = 18.0;
const RUN: f64 = 34.0;
const GAP: f64 = 14.0;
const AXIS: f64 = 24.0;

/// With more powers of ten than this, every other one is named.
const NAMES_MAX: usize = 6;

/// A figure of a run, in nanoseconds.
type Figure = fn(&RunReport) -> u64;

/// The figures with their names and shapes, in ascending order.
const FIGURES: [(&str, Shape, Figure); 4] = [
    ("p50", Shape::Circle, |run| run.latency_ns_p50),
    ("p99", Shape::Diamond, |run| run.latency_ns_p99),
    ("p99.9", Shape::Triangle, |run| run.latency_ns_p999),
    ("longest", Shape::Bar, |run| run.latency_ns_max),
];

/// Draws the latencies of all runs.
pub(super) fn draw(codecs: &[CodecReport], title: &str, description: &str) -> Markup {
    let runs = || codecs.iter().flat_map(CodecReport::runs);
    let values = runs().flat_map(|(_, run)| FIGURES.map(|(_, _, figure)| figure(run) as f64));
    let axis = Decades::around(values);
    let group = NAME + 2.0 * RUN + GAP;
    let bottom = LEGEND + group * codecs.len() as f64 - GAP / 2.0;

    let mut drawing = Drawing::default();
    legend(&mut drawing);
    let count = axis.ticks().count();
    for (index, nanos) in axis.ticks().enumerate() {
        let x = axis.percent(nanos);
        drawing.line("grid", (Length::Percent(x), LEGEND), (Length::Percent(x), bottom));
        if count > NAMES_MAX && !(count - 1 - index).is_multiple_of(2) {
            continue;
        }
        let anchor = match index {
            0 => Anchor::Start,
            _ if index == count - 1 => Anchor::End,
            _ => Anchor::Middle,
        };
        drawing.text("tick", anchor, X::percent(x), bottom + 16.0, &power_of_ten(nanos));
    }
    for (index, codec) in codecs.iter().enumerate() {
        let top = LEGEND + group * index as f64;
        drawing.text(
            "codec over",
            Anchor::Start,
            X::percent(0.0),
            top + 14.0,
            &codec.codec,
        );
        for ((kind, run), y) in codec.runs().into_iter().zip([top + NAME, top + NAME + RUN]) {
            let [p50, p99, p999, _] = FIGURES.map(|(_, _, figure)| readable(figure(run)));
            let name = format!("{}  ", kind.name());
            let figures = format!("{p50} · {p99} · {p999}");
            let parts = [("run over", name.as_str()), ("value over", &figures)];
            drawing.spans(Anchor::Start, X::percent(0.0), y + 12.0, &parts, None);
            let place = |figure: Figure| axis.percent(figure(run) as f64);
            let places = FIGURES.map(|(_, _, figure)| place(figure));
            let line = format!("span {}", class(kind));
            let ends = [places[0], places[3]].map(|x| (Length::Percent(x), y + 23.0));
            drawing.line(&line, ends[0], ends[1]);
            for ((_, shape, _), x) in FIGURES.into_iter().zip(places).rev() {
                let mark = format!("mark {}", class(kind));
                drawing.mark(&mark, shape, X::percent(x), y + 23.0);
            }
        }
    }
    drawing.into_element("latencies", title, description, bottom + AXIS)
}

fn legend(drawing: &mut Drawing) {
    let mut x = X::percent(0.0).plus(6.0);
    for (name, shape, _) in FIGURES {
        drawing.mark("mark plain", shape, x, 9.0);
        drawing.text("tick", Anchor::Start, x.plus(9.0), 13.0, name);
        x = x.plus(24.0 + 7.0 * name.len() as f64);
    }
}

fn readable(nanos: u64) -> String {
    duration(Duration::from_nanos(nanos))
}

/// `10 µs`, `100 ms`: without decimals.
fn power_of_ten(nanos: f64) -> String {
    let (unit, name) = match nanos {
        _ if nanos < 1e3 => (1.0, "ns"),
        _ if nanos < 1e6 => (1e3, "µs"),
        _ if nanos < 1e9 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    format!("{:.0} {name}", nanos / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_have_no_decimals() {
        assert_eq!(
            [1e2, 1e4, 1e5, 1e6, 1e9, 1e10].map(power_of_ten),
            ["100 ns", "10 µs", "100 µs", "1 ms", "1 s", "10 s"]
        );
    }
}
