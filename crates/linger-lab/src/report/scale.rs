//! Axes: the position of a value, and the round values that are marked.

/// The largest number of steps between marked values.
const TICKS_MAX: f64 = 5.0;

/// An axis from 0 to a round value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    step: f64,
    max: f64,
}

impl Linear {
    /// An axis with room for every value up to `most`.
    pub fn up_to(most: f64) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let rough = most / TICKS_MAX;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = step
            .into_iter()
            .find(|step| *step >= rough * 0.999)
            .unwrap_or(power * 10.0);
        Self {
            step,
            max: step * (most / step * 0.999).ceil(),
        }
    }

    /// The position of a value, in percent of the axis.
    pub fn percent(&self, value: f64) -> f64 {
        (value / self.max * 100.0).clamp(0.0, 100.0)
    }

    /// The marked values, 0 included, and how many decimals they need.
    pub fn ticks(&self) -> (Vec<f64>, usize) {
        let count = (self.max / self.step).round() as u32;
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        (
            (0..=count).map(|index| f64::from(index) * self.step).collect(),
            decimals,
        )
    }
}

/// An axis of powers of ten.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decades {
    first: i32,
    count: i32,
}

impl Decades {
    /// An axis with room for all positive values.
    pub fn around(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|value| *value > 0.0 && value.is_finite())
            .fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        if high == 0.0 {
            return Self { first: 0, count: 1 };
        }
        let first = low.log10().floor() as i32;
        Self {
            first,
            count: (high.log10().ceil() as i32 - first).max(1),
        }
    }

    /// The position of a value, in percent of the axis.
    pub fn percent(&self, value: f64) -> f64 {
        let decades = value.max(f64::MIN_POSITIVE).log10() - f64::from(self.first);
        (decades / f64::from(self.count) * 100.0).clamp(0.0, 100.0)
    }

    /// The powers of ten, both ends included.
    pub fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.first..=self.first + self.count).map(|power| 10_f64.powi(power))
    }
}

/// Moves positions apart that are nearer than `gap`, as little as possible and in their order.
/// Keeps them within `range` if they fit.
pub fn spread(places: &mut [f64], gap: f64, range: (f64, f64)) {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|a, b| places[*a].total_cmp(&places[*b]));
    // Neighbours that would overlap move as a group: (members, mean of the wanted start).
    let mut groups: Vec<(usize, f64)> = Vec::new();
    let start_of = |(count, wanted): (usize, f64)| {
        let last = (range.1 - (count - 1) as f64 * gap).max(range.0);
        wanted.clamp(range.0, last)
    };
    for index in &order {
        let mut group = (1, places[*index]);
        while let Some(before) = groups.last().copied()
            && start_of(before) + before.0 as f64 * gap > start_of(group)
        {
            groups.pop();
            let (count, moved) = (before.0 + group.0, group.1 - before.0 as f64 * gap);
            let wanted = (before.1 * before.0 as f64 + moved * group.0 as f64) / count as f64;
            group = (count, wanted);
        }
        groups.push(group);
    }
    let mut indices = order.into_iter();
    for group in groups {
        let start = start_of(group);
        for (step, index) in indices.by_ref().take(group.0).enumerate() {
            places[index] = start + step as f64 * gap;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_value_with_few_marks() {
        let check = |most: f64, last: f64, count: usize| {
            let (ticks, _) = Linear::up_to(most).ticks();
            assert!(
                (ticks.last().expect("ticks") - last).abs() < 1e-9,
                "{most}: {ticks:?}"
            );
            assert_eq!(ticks.len(), count, "{most}: {ticks:?}");
        };
        check(3.8, 4.0, 5);
        check(1.0, 1.0, 6);
        check(536.0, 600.0, 4);
        check(0.07, 0.08, 5);
        check(f64::NAN, 1.0, 6);
    }

    #[test]
    fn decades_enclose_what_they_show() {
        let axis = Decades::around([51_300.0, 0.0, 78_200_000.0].into_iter());
        assert_eq!(axis.ticks().collect::<Vec<_>>(), [1e4, 1e5, 1e6, 1e7, 1e8]);
        assert_eq!(
            (axis.percent(1e4), axis.percent(1e6), axis.percent(1e8)),
            (0.0, 50.0, 100.0)
        );
        assert_eq!(Decades::around(std::iter::empty()).ticks().count(), 2);
        assert_eq!(Decades::around([1000.0].into_iter()).ticks().count(), 2);
    }

    #[test]
    fn labels_are_moved_apart_and_stay_in_order() {
        let mut places = [50.0, 10.0, 52.0, 51.0, 99.0];
        spread(&mut places, 10.0, (0.0, 100.0));
        assert_eq!(places, [41.0, 10.0, 61.0, 51.0, 99.0]);
        let mut places = [99.0, 100.0, 98.0];
        spread(&mut places, 10.0, (0.0, 100.0));
        assert_eq!(places, [90.0, 100.0, 80.0]);
        let mut crowded = [5.0; 4];
        spread(&mut crowded, 10.0, (0.0, 20.0));
        assert_eq!(
            crowded,
            [0.0, 10.0, 20.0, 30.0],
            "beyond the range rather than one over another"
        );
    }
}
