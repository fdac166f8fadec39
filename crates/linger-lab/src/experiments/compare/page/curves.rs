//! The plot of the ratio against the batch size: one curve per codec.

use crate::experiments::compare::sweep::Sweep;
use crate::report::drawing::{Anchor, Drawing, Shape, X};
use crate::report::format::times;
use crate::report::scale::{Linear, spread};

/// Pixels: above the plot, its least height, what a label takes, the axis and its name below.
const TOP: f64 = 20.0;
const HEIGHT_MIN: f64 = 280.0;
const LABEL: f64 = 17.0;
const AXIS: f64 = 40.0;

/// More batch sizes than this are named one by one in the table only.
const NAMES_MAX: usize = 7;

/// Colours that the page's style has for curves; after that they come again, with other shapes.
const COLOURS: usize = 8;

/// Draws the curves, and where `batch_size` lies, which the runs were made with.
pub(crate) fn draw(sweep: &Sweep, batch_size: usize, title: &str, description: &str) -> String {
    let points = || sweep.codecs.iter().flat_map(|curve| &curve.points);
    let axis = Linear::up_to(points().map(|point| point.ratio_to_input).fold(1.0, f64::max));
    let height = HEIGHT_MIN.max(LABEL * sweep.codecs.len() as f64);
    let bottom = TOP + height;
    let y = |ratio| bottom - axis.percent(ratio) / 100.0 * height;

    let mut drawing = Drawing::new("curves", title, description);
    let (ticks, decimals) = axis.ticks();
    for ratio in ticks {
        drawing.line("grid", (0.0, y(ratio)), (100.0, y(ratio)));
        let label = format!("{ratio:.decimals$}x");
        drawing.text("tick", Anchor::End, X::LEFT.plus(-7.0), y(ratio) + 4.0, &label);
    }
    let last = sweep.batch_sizes.len() - 1;
    let x = |place: f64| {
        if last == 0 {
            0.0
        } else {
            place / last as f64 * 100.0
        }
    };
    let step = if last < NAMES_MAX { 1 } else { 2 };
    for index in (0..=last).filter(|index| *index == 0 || (last - index).is_multiple_of(step)) {
        // The first name is the widest: its neighbour makes room.
        if index == 1 && step > 1 {
            continue;
        }
        let name = name(sweep.batch_sizes[index]);
        drawing.line("grid", (x(index as f64), bottom), (x(index as f64), bottom + 4.0));
        drawing.text(
            "tick",
            Anchor::Middle,
            X::at(x(index as f64)),
            bottom + 17.0,
            &name,
        );
    }
    drawing.text(
        "tick",
        Anchor::Middle,
        X::at(50.0),
        bottom + 34.0,
        "batch.size in KiB",
    );
    if let Some(place) = place(&sweep.batch_sizes, batch_size) {
        drawing.line("reference", (x(place), TOP - 4.0), (x(place), bottom));
        drawing.text(
            "tick",
            Anchor::Middle,
            X::at(x(place)),
            TOP - 8.0,
            "batch.size of the runs",
        );
    }

    let ends = sweep.codecs.iter().map(|curve| curve.points[last].ratio_to_input);
    let mut labels: Vec<f64> = ends.clone().map(y).collect();
    spread(&mut labels, LABEL, (TOP, bottom));
    for (index, (curve, (end, label))) in sweep.codecs.iter().zip(ends.zip(labels)).enumerate() {
        let (line, mark) = (
            format!("curve c{}", index % COLOURS),
            format!("mark c{}", index % COLOURS),
        );
        let shape = Shape::ALL[index % Shape::ALL.len()];
        let places: Vec<(f64, f64)> = curve
            .points
            .iter()
            .enumerate()
            .map(|(index, point)| (x(index as f64), y(point.ratio_to_input)))
            .collect();
        for pair in places.windows(2) {
            drawing.line(&line, pair[0], pair[1]);
        }
        for (x, y) in places {
            drawing.mark(&mark, shape, X::at(x), y);
        }
        drawing.mark(&mark, shape, X::at(100.0).plus(16.0), label);
        let name = format!("{} ", curve.codec);
        let parts = [("codec", name.as_str()), ("run", &times(end))];
        drawing.spans(Anchor::Start, X::at(100.0).plus(26.0), label + 4.0, &parts);
    }
    drawing.finish(bottom + AXIS)
}

/// A batch size on the axis, in KiB.
fn name(batch_size: usize) -> String {
    match batch_size {
        0 => "1 rec.".to_owned(),
        size => (size >> 10).to_string(),
    }
}

/// Where a batch size lies among others that double, as a fraction of an index; none if it is beyond them.
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
