//! The two ends of a comparison that was carried through: fair or not.
//!
//! Which of them it is depends on the machine, which may be too busy to let records arrive evenly. What the program
//! promises holds either way: the exit code, the message and the result give one verdict, and it follows from the
//! numbers. How numbers are judged is tested where it is done, with made-up ones.

use std::process::Output;

use serde_json::Value;

/// Most records per batch of a fair run with `linger=0`.
const RECORDS_PER_BATCH_MAX: f64 = 2.0;

/// Least mean fill of a fair run's full batches.
const FILL_MIN: f64 = 0.8;

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Fair,
    Unfair,
}

/// Reads the verdict from the exit code, and checks that standard error holds no more than belongs to it.
fn verdict(output: &Output, reason: &str) -> Verdict {
    let message = String::from_utf8_lossy(&output.stderr);
    let is_place = |line: &&str| line.starts_with("the report is in ");
    let said: Vec<&str> = message.lines().skip_while(is_place).collect();
    match (output.status.code(), &said[..]) {
        (Some(0), []) => Verdict::Fair,
        (Some(1), [unfair]) => {
            let expected = format!("error: the comparison was not fair{reason}");
            assert!(unfair.starts_with(&expected), "{message}");
            Verdict::Unfair
        }
        (code, _) => panic!("neither fair nor unfair: exit code {code:?}, {message}"),
    }
}

/// The table, which draws its conclusion only from a fair comparison.
pub(crate) fn table(output: &Output) -> String {
    let verdict = verdict(output, ", so it has no conclusion; what to do stands above");
    let table = String::from_utf8(output.stdout.clone()).expect("text");
    for (text, of) in [
        ("\nFair: ", Verdict::Fair),
        ("\nAmortised: ", Verdict::Fair),
        ("\nNOT FAIR: ", Verdict::Unfair),
    ] {
        assert_eq!(
            table.contains(text),
            verdict == of,
            "{verdict:?}, {text:?}:\n{table}"
        );
    }
    table
}

/// The lines of the CSV, each of which has the verdict of the whole. No field before it may need quotes.
pub(crate) fn csv(output: &Output) -> Vec<String> {
    let verdict = verdict(output, ": none, ");
    let text = String::from_utf8(output.stdout.clone()).expect("text");
    let lines: Vec<String> = text.split_terminator("\r\n").map(str::to_owned).collect();
    let column = lines[0].split(',').position(|name| name == "fair");
    let column = column.expect("a column of that name");
    for line in &lines[1..] {
        let expected = (verdict == Verdict::Fair).to_string();
        assert_eq!(line.split(',').nth(column), Some(&*expected), "{text}");
    }
    lines
}

/// The JSON object, whose verdict must be the one that its numbers give.
pub(crate) fn json(output: &Output) -> Value {
    let verdict = verdict(output, ": none, ");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let codecs = document["codecs"].as_array().expect("codecs");
    let is_fair = codecs.iter().all(|codec| {
        let records_per_batch = codec["linger_0"]["records_per_batch"].as_f64();
        let fill = codec["full"]["fill"]["mean"].as_f64();
        records_per_batch.expect("a number") <= RECORDS_PER_BATCH_MAX && fill.expect("a number") >= FILL_MIN
    });
    assert_eq!(verdict == Verdict::Fair, is_fair, "{document}");
    assert_eq!(document["fair"], is_fair, "{document}");
    let reasons = document["unfair"].as_array().expect("a list");
    assert_eq!(reasons.is_empty(), is_fair, "{document}");
    document
}
