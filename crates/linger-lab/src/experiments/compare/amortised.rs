//! The fixed cost of a batch, which full batches share between many records.
//!
//! Both runs send the same N records, in different numbers of batches B. The cost of a run is
//! B × F + N × V: F per batch, whatever its size, and V per record. Two runs give F and V.

use std::time::Duration;

use serde::Serialize;

use super::outcome::{CodecReport, RunReport};
use crate::units::{count, digits, duration, size, times};

/// The two parts of a cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// F: the cost of a batch, whatever its size.
    pub per_batch: f64,
    /// V: the cost of a record.
    pub per_record: f64,
}

/// The parts of the cost without a codec, which would make the cost of a record depend on the
/// others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Amortised {
    /// Wire bytes.
    pub wire_bytes: Option<Cost>,
    /// Nanoseconds of the producer's CPU; `None` if they cannot be measured, or if noise is larger
    /// than the difference.
    pub cpu_ns: Option<Cost>,
    /// The conclusion, in one sentence.
    pub sentence: String,
}

/// Splits the costs of the uncompressed runs. The sentence also names the best other codec.
pub(crate) fn amortised(codecs: &[CodecReport]) -> Option<Amortised> {
    let plain = codecs.first()?;
    let (unbatched, full) = (&plain.unbatched, &plain.full);
    let wire_bytes = split(unbatched, full, |run| Some(run.wire_bytes as f64));
    let cpu_ns = split(unbatched, full, |run| {
        Some(run.cpu_ns_per_record? * run.records as f64)
    });
    let best = codecs.iter().skip(1).min_by_key(|codec| codec.full.wire_bytes);
    let sentence = sentence(plain, wire_bytes, cpu_ns, best);
    Some(Amortised {
        wire_bytes,
        cpu_ns,
        sentence,
    })
}

fn split(unbatched: &RunReport, full: &RunReport, cost: impl Fn(&RunReport) -> Option<f64>) -> Option<Cost> {
    let batches_saved = unbatched
        .batches
        .checked_sub(full.batches)
        .filter(|saved| *saved > 0)?;
    let per_batch = (cost(unbatched)? - cost(full)?) / batches_saved as f64;
    let per_record = (cost(full)? - per_batch * full.batches as f64) / full.records as f64;
    (per_batch > 0.0 && per_record > 0.0).then_some(Cost {
        per_batch,
        per_record,
    })
}

fn sentence(
    plain: &CodecReport,
    wire: Option<Cost>,
    cpu_ns: Option<Cost>,
    best: Option<&CodecReport>,
) -> String {
    let (unbatched, full) = (&plain.unbatched, &plain.full);
    let Some(wire) = wire else {
        return "Nothing was amortised: the full run did not send fewer batches, or they cost no less."
            .to_owned();
    };
    let cpu = cpu_ns.map_or(String::new(), |cpu| {
        format!(
            " and {} of producer CPU",
            duration(Duration::from_nanos(cpu.per_batch as u64))
        )
    });
    let arithmetic = |run: &RunReport| {
        format!(
            "{} x {} B + {} x {} B = {}",
            count(run.batches),
            count(wire.per_batch.round() as u64),
            count(run.records),
            count(wire.per_record.round() as u64),
            size(run.wire_bytes as f64)
        )
    };
    let mut gains = vec![format!("{} fewer bytes", times(plain.wire_gain()))];
    if let Some(gain) = plain.cpu_gain().filter(|_| cpu_ns.is_some()) {
        gains.push(format!("{} less CPU", times(gain)));
    }
    if let Some(best) = best {
        gains.push(format!(
            "with {}, which also learns its patterns once per batch, {} fewer bytes",
            best.codec,
            times(best.wire_gain())
        ));
    }
    format!(
        "Amortised: a batch costs {:.0} B{cpu} whatever it holds; linger=0 paid that for every {} records \
         ({}), full batches for every {} ({}): {}.",
        wire.per_batch,
        digits(unbatched.records_per_batch),
        arithmetic(unbatched),
        digits(full.records_per_batch),
        arithmetic(full),
        and(&gains)
    )
}

/// `a`, `a and b`, `a, b, and c`.
fn and(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first, second] => format!("{first} and {second}"),
        [first @ .., last] => format!("{}, and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::codec_report;
    use super::*;

    #[test]
    fn two_runs_give_the_two_parts_of_a_cost() {
        // 1,000 records of 300 B; 100 B per batch; 20 us per batch and 2 us per record.
        let plain = codec_report("none", (1000, 400_000, 22_000.0), (20, 302_000, 2_400.0));
        let amortised = amortised(&[plain]).expect("a report");
        let wire = amortised.wire_bytes.expect("bytes");
        assert!(
            (wire.per_batch - 100.0).abs() < 1e-6 && (wire.per_record - 300.0).abs() < 1e-6,
            "{wire:?}"
        );
        let cpu = amortised.cpu_ns.expect("CPU");
        assert!(
            (cpu.per_batch - 20_000.0).abs() < 1e-6 && (cpu.per_record - 2_000.0).abs() < 1e-6,
            "{cpu:?}"
        );
        assert!(
            amortised
                .sentence
                .contains("a batch costs 100 B and 20.0 µs of producer CPU"),
            "{}",
            amortised.sentence
        );
        assert!(
            amortised.sentence.contains("20 x 100 B + 1,000 x 300 B = 302 kB"),
            "{}",
            amortised.sentence
        );
    }

    #[test]
    fn the_sentence_names_the_best_codec() {
        let plain = codec_report("none", (1000, 400_000, 22_000.0), (20, 302_000, 2_400.0));
        let zstd = codec_report("zstd", (1000, 300_000, 30_000.0), (20, 60_000, 5_000.0));
        let sentence = amortised(&[plain, zstd]).expect("a report").sentence;
        assert!(
            sentence.contains("1.32x fewer bytes, 9.17x less CPU, and with zstd"),
            "{sentence}"
        );
        assert!(sentence.ends_with("5.00x fewer bytes."), "{sentence}");
        assert_eq!(sentence.matches(". ").count(), 0, "one sentence: {sentence}");
    }

    #[test]
    fn noise_is_not_taken_for_a_cost() {
        let plain = codec_report("none", (1000, 400_000, 2_000.0), (20, 302_000, 2_400.0));
        assert_eq!(amortised(&[plain]).expect("a report").cpu_ns, None);
        let same = codec_report("none", (20, 302_000, 2_000.0), (20, 302_000, 2_000.0));
        let sentence = amortised(&[same]).expect("a report").sentence;
        assert!(sentence.starts_with("Nothing was amortised"), "{sentence}");
    }
}
