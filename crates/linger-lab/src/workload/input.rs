//! Reading the records of an input.
//!
//! Every run sends the same records, so they are read once and kept in memory. The limits below
//! bound that memory.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use linger_protocol::records::HEADER_SIZE;

use crate::units::{bytes, count};
use crate::workload::records::Records;

/// The largest input, in bytes. The simulated brokers keep a log of about the same size as well.
const INPUT_BYTES_MAX: usize = 256 << 20;

/// The largest input, in records.
pub(crate) const INPUT_RECORDS_MAX: usize = 2_000_000;

/// The largest number of bytes that a batch of one record, without key and headers, adds to the
/// record's value: the batch header, and the record's length (5), attributes (1), timestamp delta
/// (10), offset delta (5), key length (1), value length (5) and header count (1).
const LONE_RECORD_OVERHEAD: usize = HEADER_SIZE + 28;

/// Where the records come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Logs from [`generate`](crate::workload::generator::generate), with the experiment's seed.
    Generator,
    /// A file, or anything else with a path that can be read to its end.
    File(PathBuf),
    /// The process's standard input.
    Stdin,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generator => f.write_str("generated logs"),
            Self::File(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("standard input"),
        }
    }
}

/// The separator between two records of a file or of standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// A line break. The first line break decides: if it is CRLF, a CR before any LF belongs to
    /// the separator; if it is LF, a CR belongs to the record.
    Line,
    /// A zero byte, so that a record may contain line breaks.
    Null,
}

/// How many records to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The first N records; N is not 0.
    First(usize),
    /// All records, up to 256 MiB and 2,000,000 records.
    All,
}

/// The records of an input.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) records: Records,
    /// Whether the source has more records than the limit allowed.
    pub(crate) more: bool,
}

/// Why there are no records to send.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("cannot read {source_name}: {error}")]
    Unreadable { source_name: String, error: io::Error },
    #[error("{source_name} is a directory; --input takes one file, or - for standard input")]
    Directory { source_name: String },
    #[error("{source_name} is empty: there is nothing to send; leave --input out to use generated logs")]
    Empty { source_name: String },
    #[error(
        "{noun} {number} of {source_name} has {size}, and a record may have {limit}, so that a batch of it \
         alone fits max.request.size ({max_request_size}): remove it, or raise --max-request-size",
        limit = bytes(*.limit as u64), max_request_size = bytes(*.max_request_size as u64)
    )]
    TooLarge {
        /// `line`, or `record` if a zero byte separates records.
        noun: &'static str,
        /// Counted from 1.
        number: usize,
        source_name: String,
        /// The record's size as text, since an endless record is not read to its end.
        size: String,
        limit: usize,
        max_request_size: usize,
    },
    #[error(
        "{source_name} has more than {limit}, which is as much as one comparison holds in memory; \
         take the beginning of it with --limit N (it had {records} records up to there)",
        records = count(*.records as u64)
    )]
    TooMuch {
        source_name: String,
        limit: String,
        records: usize,
    },
}

/// What to read, and what to refuse.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadOptions {
    pub(crate) separator: Separator,
    pub(crate) limit: Limit,
    /// The producer's `max.request.size`, in bytes.
    pub(crate) max_request_size: usize,
}

impl ReadOptions {
    /// The largest record, in bytes, whose batch fits into a request.
    fn record_size_max(&self) -> usize {
        self.max_request_size.saturating_sub(LONE_RECORD_OVERHEAD)
    }
}

/// Reads the records of a file or of standard input.
pub(crate) fn read(source: &Source, options: ReadOptions) -> Result<Input, InputError> {
    let source_name = source.to_string();
    let unreadable = |error| InputError::Unreadable {
        source_name: source_name.clone(),
        error,
    };
    match source {
        Source::Generator => unreachable!("generated records are not read"),
        Source::Stdin => read_from(io::stdin().lock(), &source_name, options),
        Source::File(path) => {
            let file = File::open(path).map_err(unreadable)?;
            if file.metadata().map_err(unreadable)?.is_dir() {
                return Err(InputError::Directory { source_name });
            }
            read_from(BufReader::with_capacity(1 << 16, file), &source_name, options)
        }
    }
}

/// Reads records from any reader, up to the limit.
fn read_from(mut reader: impl BufRead, source_name: &str, options: ReadOptions) -> Result<Input, InputError> {
    let mut records = Records::default();
    let mut line_ending = LineEnding::Undecided;
    let mut record = Vec::new();
    let more = loop {
        if options.limit == Limit::First(records.len()) {
            break has_more(&mut reader).map_err(|error| unreadable(source_name, error))?;
        }
        record.clear();
        let found = read_record(&mut reader, &mut record, options);
        let found = found.map_err(|error| unreadable(source_name, error))?;
        if matches!(found, Found::End) && record.is_empty() {
            break false;
        }
        if matches!((&found, options.separator), (Found::Separator, Separator::Line)) {
            line_ending.strip(&mut record);
        }
        if record.len() > options.record_size_max() {
            let remainder = match found {
                Found::Separator => Remainder::Exactly(0),
                Found::End => remainder_of_record(&mut reader, options)
                    .map_err(|error| unreadable(source_name, error))?,
            };
            return Err(too_large(
                source_name,
                records.len() + 1,
                record.len(),
                remainder,
                options,
            ));
        }
        if let Some(limit) = limit_met(&records, record.len()) {
            return Err(InputError::TooMuch {
                source_name: source_name.to_owned(),
                limit,
                records: records.len(),
            });
        }
        records.push(&record);
    };
    if records.is_empty() {
        return Err(InputError::Empty {
            source_name: source_name.to_owned(),
        });
    }
    Ok(Input { records, more })
}

fn unreadable(source_name: &str, error: io::Error) -> InputError {
    // Most systems open a directory as a file; only the read fails.
    if error.kind() == io::ErrorKind::IsADirectory {
        return InputError::Directory {
            source_name: source_name.to_owned(),
        };
    }
    InputError::Unreadable {
        source_name: source_name.to_owned(),
        error,
    }
}

/// What ended the reading of a record.
enum Found {
    Separator,
    /// The input ended, or the record is longer than allowed.
    End,
}

/// Reads up to the separator, without it. Stops soon after the largest size of a record.
fn read_record(reader: &mut impl BufRead, record: &mut Vec<u8>, options: ReadOptions) -> io::Result<Found> {
    // Three bytes more than a record may have: one to detect it, a CR, and the separator.
    let most = options.record_size_max() as u64 + 3;
    let separator = separator_byte(options.separator);
    reader.by_ref().take(most).read_until(separator, record)?;
    if record.last() == Some(&separator) {
        record.pop();
        return Ok(Found::Separator);
    }
    Ok(Found::End)
}

fn separator_byte(separator: Separator) -> u8 {
    match separator {
        Separator::Line => b'\n',
        Separator::Null => 0,
    }
}

enum LineEnding {
    Undecided,
    Lf,
    CrLf,
}

impl LineEnding {
    fn strip(&mut self, line: &mut Vec<u8>) {
        if matches!(self, Self::Undecided) {
            *self = if line.ends_with(b"\r") {
                Self::CrLf
            } else {
                Self::Lf
            };
        }
        if matches!(self, Self::CrLf) && line.ends_with(b"\r") {
            line.pop();
        }
    }
}

fn has_more(reader: &mut impl BufRead) -> io::Result<bool> {
    Ok(!reader.fill_buf()?.is_empty())
}

fn limit_met(records: &Records, next: usize) -> Option<String> {
    if records.size() + next > INPUT_BYTES_MAX {
        return Some(bytes(INPUT_BYTES_MAX as u64));
    }
    (records.len() == INPUT_RECORDS_MAX).then(|| format!("{} records", count(INPUT_RECORDS_MAX as u64)))
}

/// How many unread bytes a record has.
enum Remainder {
    Exactly(usize),
    AtLeast(usize),
}

/// The largest number of counted bytes of a record that is too long. Beyond it, the message says
/// "more than".
const REMAINDER_COUNTED_MAX: usize = 64 << 20;

fn remainder_of_record(reader: &mut impl BufRead, options: ReadOptions) -> io::Result<Remainder> {
    let separator = separator_byte(options.separator);
    let mut remainder = 0;
    while remainder < REMAINDER_COUNTED_MAX {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(Remainder::Exactly(remainder));
        }
        if let Some(position) = buffer.iter().position(|byte| *byte == separator) {
            return Ok(Remainder::Exactly(remainder + position));
        }
        remainder += buffer.len();
        let consumed = buffer.len();
        reader.consume(consumed);
    }
    Ok(Remainder::AtLeast(remainder))
}

fn too_large(
    source_name: &str,
    number: usize,
    read: usize,
    remainder: Remainder,
    options: ReadOptions,
) -> InputError {
    let size = match remainder {
        Remainder::Exactly(remainder) => bytes((read + remainder) as u64),
        Remainder::AtLeast(remainder) => format!("more than {}", bytes((read + remainder) as u64)),
    };
    InputError::TooLarge {
        noun: if options.separator == Separator::Line {
            "line"
        } else {
            "record"
        },
        number,
        source_name: source_name.to_owned(),
        size,
        limit: options.record_size_max(),
        max_request_size: options.max_request_size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> ReadOptions {
        ReadOptions {
            separator: Separator::Line,
            limit: Limit::All,
            max_request_size: 1 << 20,
        }
    }

    fn check(input: &[u8], separator: Separator, expected: &[&[u8]]) {
        let input = read_from(
            input,
            "test",
            ReadOptions {
                separator,
                ..options()
            },
        )
        .expect("readable");
        assert_eq!(input.records.iter().collect::<Vec<_>>(), expected);
        assert!(!input.more);
    }

    #[test]
    fn only_the_separator_is_stripped() {
        check(b"a\nb\n", Separator::Line, &[b"a", b"b"]);
        check(b"a\nb", Separator::Line, &[b"a", b"b"]);
        check(b"\na\n\n", Separator::Line, &[b"", b"a", b""]);
        check(
            b" a \t\n\xff\xfe\0\n",
            Separator::Line,
            &[b" a \t", b"\xff\xfe\0"],
        );
    }

    #[test]
    fn the_first_line_decides_whether_a_cr_is_data() {
        check(b"a\r\nb\r\n", Separator::Line, &[b"a", b"b"]);
        check(b"a\r\nb\nc\r\r\n", Separator::Line, &[b"a", b"b", b"c\r"]);
        check(b"a\nb\r\n", Separator::Line, &[b"a", b"b\r"]);
        check(b"a\r\nb\r", Separator::Line, &[b"a", b"b\r"]);
    }

    #[test]
    fn null_data_keeps_line_breaks() {
        check(b"a\nb\0c\r\n\0", Separator::Null, &[b"a\nb", b"c\r\n"]);
        check(b"\0\0", Separator::Null, &[b"", b""]);
    }

    #[test]
    fn a_limit_says_whether_there_was_more() {
        let take = |input: &[u8], limit| {
            let input = read_from(
                input,
                "test",
                ReadOptions {
                    limit: Limit::First(limit),
                    ..options()
                },
            )
            .expect("ok");
            (input.records.len(), input.more)
        };
        assert_eq!(take(b"a\nb\nc\n", 2), (2, true));
        assert_eq!(take(b"a\nb\n", 2), (2, false));
        assert_eq!(take(b"a\nb", 3), (2, false));
    }

    #[test]
    fn an_empty_input_is_refused() {
        let error = read_from(&b""[..], "logs.txt", options()).expect_err("empty");
        assert!(error.to_string().contains("logs.txt is empty"), "{error}");
    }

    #[test]
    fn a_line_that_no_request_can_carry_is_named() {
        let options = ReadOptions {
            max_request_size: 4096,
            ..options()
        };
        let most = options.record_size_max();
        let fits = [vec![b'x'; most], b"\r\n".to_vec()].concat();
        let fits_crlf = [b"a\r\n".to_vec(), fits].concat();
        assert_eq!(
            read_from(&fits_crlf[..], "test", options)
                .expect("fits")
                .records
                .get(1)
                .len(),
            most
        );

        let long = [b"short\n".to_vec(), vec![b'x'; 5000], b"\nnext\n".to_vec()].concat();
        let error = read_from(&long[..], "logs.txt", options).expect_err("too large");
        let message = error.to_string();
        assert!(
            message.starts_with("line 2 of logs.txt has 5,000 bytes"),
            "{message}"
        );
        assert!(
            message.contains("max.request.size (4,096 bytes)") && message.contains("--max-request-size"),
            "{message}"
        );

        let one_over = [vec![b'x'; most + 1], b"\nnext\n".to_vec()].concat();
        let error = read_from(&one_over[..], "logs.txt", options).expect_err("too large");
        assert!(
            error
                .to_string()
                .contains(&format!("has {}", bytes(most as u64 + 1))),
            "{error}"
        );
    }

    #[test]
    fn an_endless_record_is_not_read_to_its_end() {
        let error =
            read_from(BufReader::new(io::repeat(b'x')), "/dev/zero", options()).expect_err("too large");
        assert!(error.to_string().contains("has more than "), "{error}");
    }

    #[test]
    fn an_endless_input_meets_the_limit_of_records() {
        let error = read_from(BufReader::new(io::repeat(b'\n')), "yes", options()).expect_err("too much");
        assert!(
            error.to_string().contains("2,000,000 records") && error.to_string().contains("--limit"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_file_and_a_directory_are_told_apart() {
        let missing = read(&Source::File("/nowhere/at/all".into()), options()).expect_err("missing");
        assert!(
            missing.to_string().contains("cannot read /nowhere/at/all: "),
            "{missing}"
        );
        let directory = read(&Source::File(std::env::temp_dir()), options()).expect_err("a directory");
        assert!(matches!(directory, InputError::Directory { .. }), "{directory}");
    }
}
