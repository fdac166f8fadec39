//! JSON log lines of one exact size, for comparisons of codecs between clients.

use crate::workload::random::Random;

/// How many different lines there are.
pub const LINES: usize = 4_096;

/// Generates [`LINES`] log lines of `size` bytes each. All are different; every call gives the
/// same.
pub fn json_lines(size: usize) -> String {
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
    let mut text = String::with_capacity(LINES * (size + 1));
    for index in 0..LINES {
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
        below(random, 24),
        below(random, 60),
        below(random, 60),
        below(random, 1_000),
        LEVELS[below(random, 6)],
        SERVICES[below(random, 8)],
        below(random, 200),
        random.next(),
        random.next(),
        WORDS[below(random, 32)],
        below(random, 1_000_000),
        [200, 200, 200, 201, 204, 302, 404, 500][below(random, 8)],
        below(random, 250_000),
        below(random, 65_536),
    );
    const END: &str = "\"}";
    while line.len() + END.len() < size {
        line.push_str(WORDS[below(random, 32)]);
        line.push(' ');
        // Real messages have numbers between the words too.
        if below(random, 4) == 0 {
            line.push_str(&format!("{} ", below(random, 100_000)));
        }
    }
    line.truncate(size.saturating_sub(END.len()));
    line.push_str(END);
    line
}

/// An index in `0..bound` by the remainder. Published results depend on this method.
fn below(random: &mut Random, bound: usize) -> usize {
    (random.next() % bound as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_the_size_asked_for_and_parses() {
        let text = json_lines(1_024);
        assert_eq!(text.lines().count(), LINES);
        for line in text.lines() {
            assert_eq!(line.len(), 1_024);
            serde_json::from_str::<serde_json::Value>(line).expect("a line is JSON");
        }
    }
}
