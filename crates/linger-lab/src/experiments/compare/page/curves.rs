//! The plot of the ratio against the batch size: one curve per codec.

use maud::Markup;

use crate::experiments::compare::sweep::{Curve, Sweep};
use crate::report::scale::{Linear, spread};
use crate::report::svg::{Anchor, Drawing, Length, Shape, X};
use crate::units::times;

/// Heights in pixels: above the plot, the least height of the plot, a label, the axis below.
const TOP: f64 = 20.0;
const HEIGHT_MIN: f64 = 280.0;
const LABEL: f64 = 17.0;
const AXIS: f64 = 40.0;

/// With more batch sizes than this, every other one is named.
const NAMES_MAX: usize = 7;

/// Colours of curves in the style of the page. Further curves use them again, with other shapes.
const COLOURS: usize = 8;

/// The positions of batch sizes and ratios.
struct Axes {
    ratios: Linear,
    /// The index of the last batch size.
    last: usize,
    height: f64,
    bottom: f64,
}

impl Axes {
    fn of(sweep: &Sweep) -> Self {
        let points = sweep.codecs.iter().flat_map(|curve| &curve.points);
        let height = HEIGHT_MIN.max(LABEL * sweep.codecs.len() as f64);
        Self {
            ratios: Linear::up_to(points.map(|point| point.ratio_to_input).fold(1.0, f64::max)),
            last: sweep.batch_sizes.len() - 1,
            height,
            bottom: TOP + height,
        }
    }

    fn y(&self, ratio: f64) -> f64 {
        self.bottom - self.ratios.percent(ratio) / 100.0 * self.height
    }

    /// The position of a batch size, in percent, from its index or between two indices.
    fn x(&self, index: f64) -> f64 {
        match self.last {
            0 => 0.0,
            last => index / last as f64 * 100.0,
        }
    }
}

/// Draws the curves, and the `batch_size` of the runs.
pub(super) fn draw(sweep: &Sweep, batch_size: usize, title: &str, description: &str) -> Markup {
    let axes = Axes::of(sweep);
    let mut drawing = Drawing::default();
    draw_axes(&mut drawing, &axes, sweep);
    if let Some(place) = place(&sweep.batch_sizes, batch_size) {
        let x = axes.x(place);
        let (from, to) = ((Length::Percent(x), TOP - 4.0), (Length::Percent(x), axes.bottom));
        drawing.line("reference", from, to);
        drawing.text(
            "tick",
            Anchor::Middle,
            X::percent(x),
            TOP - 8.0,
            "batch.size of the runs",
        );
    }
    let ends = sweep
        .codecs
        .iter()
        .map(|curve| curve.points[axes.last].ratio_to_input);
    let mut labels: Vec<f64> = ends.map(|ratio| axes.y(ratio)).collect();
    spread(&mut labels, LABEL, (TOP, axes.bottom));
    for (index, (curve, label)) in sweep.codecs.iter().zip(labels).enumerate() {
        draw_curve(&mut drawing, &axes, index, curve, label);
    }
    drawing.into_element("curves", title, description, axes.bottom + AXIS)
}

fn draw_axes(drawing: &mut Drawing, axes: &Axes, sweep: &Sweep) {
    let (ticks, decimals) = axes.ratios.ticks();
    for ratio in ticks {
        let y = axes.y(ratio);
        drawing.line("grid", (Length::Percent(0.0), y), (Length::Percent(100.0), y));
        let label = format!("{ratio:.decimals$}x");
        drawing.text("tick", Anchor::End, X::percent(0.0).plus(-7.0), y + 4.0, &label);
    }
    let (last, bottom) = (axes.last, axes.bottom);
    let step = if last < NAMES_MAX { 1 } else { 2 };
    for index in (0..=last).filter(|index| *index == 0 || (last - index).is_multiple_of(step)) {
        // The name of the first batch size is wide and needs the space of the second.
        if index == 1 && step > 1 {
            continue;
        }
        let x = axes.x(index as f64);
        drawing.line(
            "grid",
            (Length::Percent(x), bottom),
            (Length::Percent(x), bottom + 4.0),
        );
        let name = name(sweep.batch_sizes[index]);
        drawing.text("tick", Anchor::Middle, X::percent(x), bottom + 17.0, &name);
    }
    drawing.text(
        "tick",
        Anchor::Middle,
        X::percent(50.0),
        bottom + 34.0,
        "batch.size in KiB",
    );
}

/// Draws a curve, and its label at the height `label`.
fn draw_curve(drawing: &mut Drawing, axes: &Axes, index: usize, curve: &Curve, label: f64) {
    let colour = index % COLOURS;
    let (line, mark) = (format!("curve c{colour}"), format!("mark c{colour}"));
    let shape = Shape::ALL[index % Shape::ALL.len()];
    let points = curve.points.iter().enumerate();
    let places: Vec<(f64, f64)> = points
        .map(|(index, point)| (axes.x(index as f64), axes.y(point.ratio_to_input)))
        .collect();
    for pair in places.windows(2) {
        let [from, to] = [pair[0], pair[1]].map(|(x, y)| (Length::Percent(x), y));
        drawing.line(&line, from, to);
    }
    for (x, y) in places {
        drawing.mark(&mark, shape, X::percent(x), y);
    }
    drawing.mark(&mark, shape, X::percent(100.0).plus(16.0), label);
    let name = format!("{} ", curve.codec);
    let parts = [
        ("codec", name.as_str()),
        ("run", &times(curve.points[axes.last].ratio_to_input)),
    ];
    drawing.spans(
        Anchor::Start,
        X::percent(100.0).plus(26.0),
        label + 4.0,
        &parts,
        None,
    );
}

/// The name of a batch size on the axis.
fn name(batch_size: usize) -> String {
    match batch_size {
        0 => "1 rec.".to_owned(),
        size => (size >> 10).to_string(),
    }
}

/// The index of a batch size among doubling ones, perhaps between two; `None` if it is outside.
fn place(batch_sizes: &[usize], batch_size: usize) -> Option<f64> {
    let first = *batch_sizes.get(1)?;
    let place = 1.0 + (batch_size as f64 / first as f64).log2();
    (1.0..=(batch_sizes.len() - 1) as f64)
        .contains(&place)
        .then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_size_lies_between_its_neighbours() {
        let sizes = [0, 1024, 2048, 4096];
        assert_eq!(place(&sizes, 2048), Some(2.0));
        assert!(place(&sizes, 3000).is_some_and(|place| (2.5..2.6).contains(&place)));
        assert_eq!(place(&sizes, 512), None);
        assert_eq!(place(&sizes, 8192), None);
        assert_eq!(place(&[0], 1024), None);
    }
}
