//! Invalid bytes are refused without a panic and within the limit.

use linger_protocol::records::{BatchView, Compression, Decompressor, batches};

use crate::sample::{batch, mend, shapes};
use linger_testkit::random::Random;

const LIMIT: usize = 1 << 20;

/// Reads all there is to read; `true` if everything was well formed.
fn examine(bytes: &[u8], decompressor: &mut Decompressor) -> bool {
    let mut well = true;
    for found in batches(bytes) {
        let Ok(view) = found else {
            well = false;
            continue;
        };
        well &= view.verify_crc().is_ok();
        let _ = (
            view.header(),
            view.last_offset(),
            view.last_sequence(),
            view.codec(),
            view.body_crc(),
        );
        let Ok(records) = view.records_with(decompressor, LIMIT) else {
            well = false;
            continue;
        };
        if view.codec() != Ok(Default::default()) {
            assert!(records.bytes().len() <= LIMIT);
        }
        let mut read = 0usize;
        for record in &records {
            let Ok(record) = record else {
                well = false;
                continue;
            };
            read += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
            read += record
                .headers()
                .map(|header| header.key.len() + header.value.map_or(0, <[u8]>::len))
                .sum::<usize>();
            let _ = view.timestamp_of(&record);
        }
        assert!(
            read <= records.bytes().len(),
            "records are inside their batch and do not overlap"
        );
    }
    well
}

#[test]
fn a_batch_cut_anywhere_is_refused() {
    let mut decompressor = Decompressor::new();
    for compression in Compression::ALL {
        let whole = batch(&shapes(), compression);
        assert!(examine(&whole, &mut decompressor));
        for cut in 0..whole.len() {
            assert!(
                BatchView::parse(&whole[..cut]).is_err(),
                "{compression} cut at {cut}"
            );
            // The same with a header that admits it: now the records must be found out.
            if cut >= 61 {
                let mut mended = whole[..cut].to_vec();
                mend(&mut mended);
                assert!(
                    !examine(&mended, &mut decompressor),
                    "{compression} cut at {cut} and mended"
                );
            }
        }
    }
}

#[test]
fn mutations_never_panic() {
    let mut decompressor = Decompressor::new();
    let mut refused = 0;
    for compression in Compression::ALL {
        let whole = batch(&shapes(), compression);
        for seed in 0..6_000 {
            let mut random = Random::new(seed);
            let mut bytes = whole.clone();
            for _ in 0..=random.below(4) {
                mutate(&mut bytes, &mut random);
            }
            // Mostly with a true length and checksum, or nothing behind them would ever be reached.
            if random.below(4) != 0 && bytes.len() >= 61 {
                mend(&mut bytes);
            }
            refused += u32::from(!examine(&bytes, &mut decompressor));
        }
    }
    assert!(refused > 20_000, "only {refused} of 30,000 mutations were found");
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(8) {
        0 => bytes[at] = random.byte(),
        1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
        3 => bytes.insert(at, random.byte()),
        4 => drop(bytes.remove(at)),
        5 => bytes.truncate(at.max(61)),
        6 => {
            let end = (at + random.below(20)).min(bytes.len());
            bytes[at..end].fill([0, 0x80, 0xff][random.below(3)]);
        }
        _ => {
            let copied = bytes[at..(at + 1 + random.below(40)).min(bytes.len())].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, copied);
        }
    }
}

#[test]
fn noise_never_panics() {
    let mut decompressor = Decompressor::new();
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let len = random.below(300);
        let mut bytes = random.bytes(len);
        if len > 61 {
            bytes[16] = 2;
            bytes[21] = 0;
            bytes[22] = random.below(8) as u8;
            bytes[57..61].copy_from_slice(&[0, 0, 0, random.below(10) as u8]);
            mend(&mut bytes);
        }
        examine(&bytes, &mut decompressor);
    }
}
