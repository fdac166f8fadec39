//! `sim compare` as a program: its output, its files and its exit codes.

mod verdict;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use rstest::rstest;

/// Few records of one codec, at a modest rate: 0.8 s.
const SMALL: [&str; 8] = [
    "--codecs",
    "none",
    "--limit",
    "400",
    "--rate",
    "1000",
    "--partitions",
    "2",
];

fn compare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command
        .arg("compare")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    compare(arguments).output().expect("sim starts")
}

fn run_with_input(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = compare(arguments)
        .stdin(Stdio::piped())
        .spawn()
        .expect("sim starts");
    // sim stops reading at the first record that it refuses.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("sim ends")
}

/// Nothing was run: one message, no result, exit code 2.
fn check_refused(output: &Output, expected: &str) {
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains(expected), "{message}");
    assert!(
        message
            .lines()
            .next()
            .is_some_and(|line| line.starts_with("error: ")),
        "{message}"
    );
    assert!(!message.contains("panicked"), "{message}");
    assert!(
        output.stdout.is_empty(),
        "a result: {}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[rstest]
#[case(&["--codecs", "brotli"], "unknown compression \"brotli\"")]
#[case(&["--codecs", "zstd:99"], "compression level 99 of zstd is out of range")]
#[case(&["--codecs", "snappy:3"], "takes no level")]
#[case(&["--rate", "0"], "--rate 0 is out of range: take 1 to")]
#[case(&["--rate", "-5"], "invalid value '-5' for '--rate <N>': take a whole number")]
#[case(&["--rate", "99999999999"], "--rate 99,999,999,999 is out of range")]
#[case(&["--limit", "-1"], "take a whole number of records, or all")]
#[case(&["--limit", "9999999"], "--limit 9,999,999 is out of range: take 1 to 600,000")]
#[case(&["--batch-size", "many"], "16KiB")]
#[case(&["--limit", "0"], "--limit 0 leaves no record to send")]
#[case(&["--limit", "all"], "--limit all needs an --input")]
#[case(&["--limit", "9"], "too small to fill a batch")]
#[case(&["--batch-size", "0"], "--batch-size 0 is out of range")]
#[case(&["--batch-size", "2MiB"], "--batch-size 2,097,152 is out of range")]
#[case(&["--batch-size", "500"], "take a --batch-size of at least")]
#[case(&["--linger", "0"], "--linger 0 is what the other run does")]
#[case(&["--linger", "2h"], "--linger 7,200 s is too long")]
#[case(&["--ack-latency", "soon"], "soon")]
#[case(&["--brokers", "0"], "--brokers 0 is out of range")]
#[case(&["--partitions", "0"], "--partitions 0 is out of range")]
#[case(&["--rate", "1"], "raise --rate")]
#[case(&["--json", "--csv"], "cannot be used with")]
fn an_argument_that_cannot_be_used_is_refused(#[case] arguments: &[&str], #[case] expected: &str) {
    check_refused(&run(arguments), expected);
}

#[test]
fn an_input_that_cannot_be_read_is_refused() {
    check_refused(
        &run(&["--input", "/nowhere/at/all.log"]),
        "cannot read /nowhere/at/all.log",
    );
    let directory = std::env::temp_dir();
    let directory = directory.to_str().expect("a readable name");
    check_refused(
        &run(&["--input", directory]),
        "is a directory; --input takes one file, or -",
    );
    check_refused(&run(&["--input", "-"]), "standard input is empty");
}

#[test]
fn a_line_that_no_request_can_carry_is_refused_by_its_number() {
    let input = [
        b"short\nshort\n".to_vec(),
        vec![b'x'; 1 << 20],
        b"\nshort\n".to_vec(),
    ]
    .concat();
    let output = run_with_input(&["--input", "-"], &input);
    check_refused(&output, "line 3 of standard input has 1,048,576 bytes");
    check_refused(&output, "--max-request-size");
}

#[test]
fn a_comparison_prints_its_table_and_its_proof_and_no_bar_where_no_terminal_is() {
    let table = verdict::table(&run(&SMALL));
    for expected in ["WHAT FULL BATCHES SAVE", "Proof: after each of the 2 runs"] {
        assert!(table.contains(expected), "{expected} is missing:\n{table}");
    }
}

#[test]
fn at_a_modest_rate_the_comparison_is_fair_and_has_a_conclusion() {
    // Two partitions with a record each every 4 ms, and batches of about ten records.
    let modest = [
        "--codecs",
        "none",
        "--partitions",
        "2",
        "--limit",
        "250",
        "--rate",
        "500",
        "--batch-size",
        "4096",
    ];
    // One attempt suffices unless other programs keep the machine busy.
    let mut attempts = (0..6).map(|_| verdict::json(&run(&[&modest[..], &["--json"]].concat())));
    let mut unfair = Vec::new();
    let fair = attempts.find(|document| {
        unfair.push(document["unfair"].to_string());
        document["fair"] == true
    });
    let document = fair.unwrap_or_else(|| panic!("no attempt was fair: {unfair:?}"));
    let batches = ["linger_0", "full"].map(|run| document["codecs"][0][run]["batches"].as_u64());
    let [zero, full] = batches.map(|batches| batches.expect("a number"));
    assert!(
        zero >= 125 && full <= 60,
        "{zero} and {full} batches of 250 records"
    );
    let sentence = document["amortised"]["sentence"].as_str().expect("a conclusion");
    assert!(sentence.starts_with("Amortised: a batch costs "), "{sentence}");
}

#[test]
fn the_csv_has_a_line_per_run() {
    let lines = verdict::csv(&run(&[&SMALL[..], &["--csv"]].concat()));
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines[0].starts_with("codec,level,run,linger_ms,batch_size,rate,"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("none,,linger=0,0,16384,1000,all,2,3,3,"),
        "{lines:?}"
    );
    assert!(
        lines[2].starts_with("none,,full,") && lines[2].ends_with(",true,1048576,false,brokers,,,"),
        "{lines:?}"
    );
}

#[test]
fn an_unfair_comparison_exits_with_1_and_has_no_conclusion() {
    // All records arrive at once, and a partition sends at most five batches per 100 ms. One record
    // per batch would take 20 s.
    let rushed = [
        "--codecs",
        "none",
        "--partitions",
        "1",
        "--limit",
        "1000",
        "--rate",
        "10000000",
        "--ack-latency",
        "100ms",
    ];
    let output = run(&rushed);
    let table = verdict::table(&output);
    assert_eq!(output.status.code(), Some(1), "{table}");
    assert!(
        table.contains("NOT FAIR: none, linger=0") && table.contains("try --rate "),
        "{table}"
    );

    let output = run(&[&rushed[..], &["--json"]].concat());
    let document = verdict::json(&output);
    assert_eq!(
        (output.status.code(), document["fair"].as_bool()),
        (Some(1), Some(false))
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("try --rate "));
}

#[rstest]
#[case::lines(&[], b"\n", b"")]
#[case::crlf(&[], b"\r\n", b"")]
#[case::null(&["--null-data"], b"\0", b"\r\n")]
fn records_of_an_input_are_counted_and_sized_exactly(
    #[case] flags: &[&str],
    #[case] separator: &[u8],
    #[case] tail: &[u8],
) {
    let mut input = Vec::new();
    let mut bytes = 0;
    for index in 0..400 {
        let record = [format!("record {index} \u{e9}").as_bytes(), &[b'x'; 150], tail].concat();
        bytes += record.len();
        input.extend_from_slice(&record);
        input.extend_from_slice(separator);
    }
    let output = run_with_input(&[&SMALL[..], &["--input", "-", "--json"], flags].concat(), &input);
    let document = verdict::json(&output);
    assert_eq!(document["input"]["records"], 400);
    assert_eq!(document["input"]["bytes"], bytes);
    assert_eq!(document["proof"]["records"], 800);
}

#[test]
fn a_file_is_read_as_far_as_the_limit_and_the_table_says_so() {
    let path = scratch_file(
        "limit.log",
        &b"a line of a log that has some length to it\n".repeat(4000),
    );
    let path = path.to_str().expect("a readable name");
    let output = run(&[
        "--codecs",
        "none",
        "--partitions",
        "1",
        "--limit",
        "600",
        "--rate",
        "1000",
        "--input",
        path,
    ]);
    let table = verdict::table(&output);
    assert!(
        table.starts_with("the first 600 records (25.2 kB) of "),
        "{table}"
    );
    assert!(table.contains("more than the 600 records"), "{table}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_result_that_cannot_be_written_is_a_failure() {
    let full = std::fs::File::create("/dev/full").expect("the device that is always full");
    let output = compare(&SMALL)
        .stdout(full)
        .spawn()
        .expect("sim starts")
        .wait_with_output()
        .expect("sim ends");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.starts_with("error: the result could not be written to standard output"),
        "{message}"
    );

    let mut child = compare(&SMALL).spawn().expect("sim starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("sim ends");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("could not be written") && !message.contains("panicked"),
        "{message}"
    );
}

fn scratch_file(name: &str, content: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).expect("the build's own directory can be written");
    path
}

#[test]
fn a_report_is_a_page_with_the_same_numbers_and_files_for_programs() {
    let folder = scratch_folder("report");
    // The input's name is markup, and the folder of the report does not exist.
    let input: Vec<u8> = (0..400)
        .flat_map(|index| format!("record {index} {}\n", "x".repeat(150)).into_bytes())
        .collect();
    let input = scratch_file("<script>alert(1)<&.log", &input);
    let input = input.to_str().expect("a readable name");
    let target = folder.join("made/for/it");
    let target_name = target.to_str().expect("a readable name");
    let output = run(&[&SMALL[..], &["--json", "--input", input, "--report", target_name]].concat());
    let document = verdict::json(&output);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("index.html"), "says where: {message}");

    let read = |name: &str| std::fs::read_to_string(target.join(name)).expect("it was written");
    let (page, csv, json) = (read("index.html"), read("results.csv"), read("results.json"));
    assert_eq!(json.as_bytes(), output.stdout, "the same as without a report");
    assert_eq!(csv.split_terminator("\r\n").count(), 3, "{csv}");
    assert!(!page.contains("<script"), "the input's name became markup");
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;&amp;.log"),
        "the input is named"
    );
    assert_eq!(
        page.contains("Not a fair comparison"),
        document["fair"] == false,
        "the page has another verdict"
    );
    for run in ["linger_0", "full"] {
        let bytes = document["codecs"][0][run]["wire_bytes"]
            .as_u64()
            .expect("a number");
        assert!(
            page.contains(&format!("<td>{}</td>", grouped(bytes))),
            "{bytes} is missing"
        );
    }
    let points = document["sweep"]["codecs"][0]["points"]
        .as_array()
        .expect("a curve");
    assert_eq!(
        points.len(),
        document["sweep"]["batch_sizes"].as_array().expect("sizes").len()
    );
    assert!(points.len() > 3, "{points:?}");
    let names = std::fs::read_dir(&target).expect("a folder").count();
    assert_eq!(names, 3, "nothing else is left there");

    // A second report replaces the first, but not a page of another origin.
    verdict::table(&run(&[&SMALL[..], &["--report", target_name]].concat()));
    assert!(read("index.html").contains("generated logs"));
    std::fs::write(target.join("index.html"), "<html>mine</html>").expect("it can be written");
    check_refused(
        &run(&["--report", target_name]),
        "exists and is no report of sim compare",
    );
    assert_eq!(read("index.html"), "<html>mine</html>");
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_anything_runs() {
    let folder = scratch_folder("refused");
    let file = folder.join("file");
    std::fs::write(&file, "").expect("it can be written");
    let file = file.to_str().expect("a readable name");
    check_refused(&run(&["--report", file]), "is a file; name a folder");
    check_refused(
        &run(&["--report", &format!("{file}/below")]),
        "the folder cannot be made",
    );
    #[cfg(target_os = "linux")]
    check_refused(&run(&["--report", "/proc/self"]), "cannot be written");
    // An invalid option leaves no folder behind.
    let unmade = folder.join("unmade");
    check_refused(
        &run(&[
            "--rate",
            "0",
            "--report",
            unmade.to_str().expect("a readable name"),
        ]),
        "--rate 0",
    );
    assert!(!unmade.exists());
}

/// `1,234,567`.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let groups = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(",")
}

/// An empty folder of this name in the build's folder.
fn scratch_folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("the build's own directory can be written");
    path
}
