//! The command that repeats an experiment, for whoever reads its report later.

use std::fmt::Write as _;

use super::input::{Limit, Separator, Source};
use super::options::Options;

/// Writes the command with every setting, whether it is the default or not: defaults may change.
pub(crate) fn command_line(options: &Options) -> String {
    let mut out = "sim compare".to_owned();
    let mut flag = |name: &str, value: String| {
        let _ = write!(out, " --{name} {}", quoted(&value));
    };
    match &options.source {
        Source::Generator => {}
        Source::File(path) => flag("input", path.display().to_string()),
        Source::Stdin => flag("input", "-".to_owned()),
    }
    match options.limit {
        Limit::First(count) => flag("limit", count.to_string()),
        Limit::All => flag("limit", "all".to_owned()),
    }
    let codecs: Vec<String> = options.codecs.iter().map(ToString::to_string).collect();
    flag("codecs", codecs.join(","));
    flag("rate", options.rate.to_string());
    flag("batch-size", options.batch_size.to_string());
    if let Some(linger) = options.linger {
        flag("linger", format!("{linger:?}"));
    }
    flag("partitions", options.partitions.to_string());
    flag("max-request-size", options.max_request_size.to_string());
    flag("brokers", options.brokers.to_string());
    flag("ack-latency", options.ack_latency.to_string());
    flag("seed", options.seed.to_string());
    if options.separator == Separator::Null {
        out.push_str(" --null-data");
    }
    out
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./,:=+@%".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_setting_is_named() {
        assert_eq!(
            command_line(&Options::default()),
            "sim compare --limit 6000 --codecs none,gzip,snappy,lz4,zstd --rate 3000 --batch-size 16384 \
             --partitions 6 --max-request-size 1048576 --brokers 3 --ack-latency 0 --seed 1"
        );
    }

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        let options = Options {
            source: Source::File("it's <my> log".into()),
            limit: Limit::All,
            linger: Some(Duration::from_micros(1500)),
            separator: Separator::Null,
            ..Options::default()
        };
        let line = command_line(&options);
        assert!(
            line.starts_with("sim compare --input 'it'\\''s <my> log' --limit all "),
            "{line}"
        );
        assert!(
            line.contains(" --linger 1.5ms ") && line.ends_with(" --null-data"),
            "{line}"
        );
    }
}
