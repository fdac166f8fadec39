//! The records that every client sends: the same keys and values in the same order.

use crate::workload::{Values, Workload};

/// How many different JSON values there are.
const JSON_VALUES: usize = 4_096;

/// Key and value of record i, for any i.
pub(crate) struct Records {
    values: Vec<Vec<u8>>,
    keys: u32,
}

/// A key's ten digits.
pub(crate) type Key = [u8; 10];

impl Records {
    /// Those of a workload; JSON values are read from the file that `VALUES_FILE` names.
    pub(crate) fn of(workload: &Workload) -> Result<Self, String> {
        let values = match workload.values {
            Values::Constant => vec![vec![b'x'; workload.value_bytes]],
            Values::Json => {
                let file = std::env::var("VALUES_FILE")
                    .map_err(|_| "VALUES_FILE names no file: VALUES=json needs one")?;
                let text = std::fs::read(&file).map_err(|error| format!("VALUES_FILE={file}: {error}"))?;
                text.split(|&byte| byte == b'\n')
                    .filter(|line| !line.is_empty())
                    .map(<[u8]>::to_vec)
                    .collect()
            }
        };
        if values.is_empty() {
            return Err("the file that VALUES_FILE names has no line".into());
        }
        Ok(Self {
            values,
            keys: workload.keys,
        })
    }

    #[inline]
    pub(crate) fn value(&self, index: u64) -> &[u8] {
        match self.values.as_slice() {
            [only] => only,
            several => &several[index as usize % several.len()],
        }
    }

    /// All values, in their order.
    pub(crate) fn values(&self) -> impl Iterator<Item = &[u8]> {
        self.values.iter().map(Vec::as_slice)
    }

    /// The key of record `index`, if it has one.
    #[inline]
    pub(crate) fn key(&self, index: u64) -> Option<Key> {
        if self.keys == 0 {
            return None;
        }
        let mut number = (index as u32).wrapping_mul(2_654_435_761) % self.keys;
        let mut key = [b'0'; 10];
        for digit in key.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
        Some(key)
    }
}

/// The lines of a values file: structured log lines of `size` bytes each, all different, the same in every run.
pub(crate) fn json_lines(size: usize) -> String {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut text = String::with_capacity(JSON_VALUES * (size + 1));
    for index in 0..JSON_VALUES {
        text.push_str(&json_line(index, size, &mut random));
        text.push('\n');
    }
    text
}

fn json_line(index: usize, size: usize, random: &mut Random) -> String {
    const LEVELS: [&str; 6] = ["INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"];
    const SERVICES: [&str; 8] = [
        "checkout", "basket", "search", "gateway", "stock", "pricing", "mailer", "identity",
    ];
    const WORDS: [&str; 32] = [
        "request",
        "served",
        "after",
        "retry",
        "upstream",
        "timeout",
        "cache",
        "miss",
        "user",
        "order",
        "payment",
        "accepted",
        "rejected",
        "because",
        "limit",
        "reached",
        "connection",
        "closed",
        "by",
        "peer",
        "shard",
        "moved",
        "to",
        "replica",
        "lag",
        "of",
        "seconds",
        "queue",
        "depth",
        "above",
        "threshold",
        "recovered",
    ];
    let mut line = format!(
        r#"{{"time":"2026-11-{:02}T{:02}:{:02}:{:02}.{:03}Z","level":"{}","service":"{}","host":"node-{:03}","trace":"{:016x}{:016x}","path":"/v1/{}/{}","status":{},"took_us":{},"bytes":{},"message":""#,
        1 + index % 28,
        random.below(24),
        random.below(60),
        random.below(60),
        random.below(1_000),
        LEVELS[random.below(6)],
        SERVICES[random.below(8)],
        random.below(200),
        random.next(),
        random.next(),
        WORDS[random.below(32)],
        random.below(1_000_000),
        [200, 200, 200, 201, 204, 302, 404, 500][random.below(8)],
        random.below(250_000),
        random.below(65_536),
    );
    const END: &str = "\"}";
    while line.len() + END.len() < size {
        line.push_str(WORDS[random.below(32)]);
        line.push(' ');
        // Numbers keep the text from being a list of words only, as ids in real messages do.
        if random.below(4) == 0 {
            line.push_str(&format!("{} ", random.below(100_000)));
        }
    }
    line.truncate(size.saturating_sub(END.len()));
    line.push_str(END);
    line
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_json_line_has_the_size_asked_for_and_parses() {
        let text = json_lines(1_024);
        assert_eq!(text.lines().count(), JSON_VALUES);
        for line in text.lines() {
            assert_eq!(line.len(), 1_024);
            serde_json::from_str::<serde_json::Value>(line).expect("a line is JSON");
        }
    }

    #[test]
    fn keys_are_ten_digits_below_their_number() {
        let records = Records {
            values: vec![vec![]],
            keys: 100_000,
        };
        assert_eq!(records.key(0), Some(*b"0000000000"));
        // 2654435761 mod 100000.
        assert_eq!(records.key(1), Some(*b"0000035761"));
        let none = Records {
            values: vec![vec![]],
            keys: 0,
        };
        assert_eq!(none.key(1), None);
    }
}
