//! The command that repeats an experiment.

use std::fmt::Write as _;

use super::options::{Options, RemoteOptions, TopicChoice};
use crate::workload::input::{Limit, Separator, Source};

/// Writes the command with every setting. Defaults are written too, since they may change.
pub(crate) fn command_line(options: &Options) -> String {
    let mut out = "sim compare".to_owned();
    match &options.source {
        Source::Generator => {}
        Source::File(path) => flag(&mut out, "input", path.display().to_string()),
        Source::Stdin => flag(&mut out, "input", "-".to_owned()),
    }
    match options.limit {
        Limit::First(count) => flag(&mut out, "limit", count.to_string()),
        Limit::All => flag(&mut out, "limit", "all".to_owned()),
    }
    let codecs: Vec<String> = options.codecs.iter().map(ToString::to_string).collect();
    flag(&mut out, "codecs", codecs.join(","));
    flag(&mut out, "rate", options.rate.to_string());
    flag(&mut out, "batch-size", options.batch_size.to_string());
    if let Some(linger) = options.linger {
        flag(&mut out, "linger", format!("{linger:?}"));
    }
    flag(&mut out, "partitions", options.partitions.to_string());
    flag(&mut out, "max-request-size", options.max_request_size.to_string());
    match &options.remote {
        None => {
            flag(&mut out, "brokers", options.brokers.to_string());
            flag(&mut out, "ack-latency", options.ack_latency.to_string());
        }
        Some(RemoteOptions { bootstrap, topic }) => {
            flag(&mut out, "bootstrap", bootstrap.clone());
            match topic {
                TopicChoice::Existing { name, .. } => flag(&mut out, "topic", name.clone()),
                TopicChoice::Created { replication_factor } => {
                    if let Some(replicas) = replication_factor {
                        flag(&mut out, "replication-factor", replicas.to_string());
                    }
                    out.push_str(" --create-topic");
                }
            }
        }
    }
    if options.source == Source::Generator {
        let _ = write!(out, " --seed {}", options.seed);
    }
    if options.separator == Separator::Null {
        out.push_str(" --null-data");
    }
    out
}

fn flag(out: &mut String, name: &str, value: String) {
    let _ = write!(out, " --{name} {}", quoted(&value));
}

/// A word, quoted for a shell if necessary.
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
    fn a_real_cluster_is_named_and_what_is_simulated_is_not() {
        let remote = |topic| Options {
            remote: Some(RemoteOptions {
                bootstrap: "a:1,b:2".to_owned(),
                topic,
            }),
            ..Options::default()
        };
        let line = command_line(&remote(TopicChoice::Existing {
            name: "orders".to_owned(),
            partitions: None,
        }));
        assert!(line.contains(" --bootstrap a:1,b:2 --topic orders"), "{line}");
        assert!(
            !line.contains("--brokers") && !line.contains("--ack-latency"),
            "{line}"
        );
        let line = command_line(&remote(TopicChoice::Created {
            replication_factor: Some(2),
        }));
        assert!(line.contains(" --replication-factor 2 --create-topic"), "{line}");
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
