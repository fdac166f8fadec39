//! The verdict of a comparison that ran: fair or not fair.
//!
//! A busy machine delays records, so that a run may be unfair. The program's promises hold either
//! way: the exit code, the message and the result give the same verdict, and the verdict follows
//! from the figures.

use std::process::Output;

use serde_json::Value;

/// The largest number of records per batch of a fair run with `linger=0`.
const RECORDS_PER_BATCH_MAX: f64 = 2.0;

/// The least mean fill of the batches of a fair full run.
const FILL_MIN: f64 = 0.8;

/// The verdict of the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Fair,
    Unfair,
}

/// Reads the verdict from the exit code. Checks that standard error has the message of that verdict
/// and no other.
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

/// The table. It has a conclusion only if the comparison was fair.
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

/// The lines of the CSV. Each line has the verdict on the whole comparison. No field before it is
/// quoted.
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

/// The JSON object. Its verdict must follow from its figures.
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
