//! The file of recorded answers. A case is its name after `# `, then a line per event, then an
//! empty line.

use std::collections::BTreeMap;
use std::path::PathBuf;

const HEAD: &str = "\
What Apache Kafka answers to the cases of tests/interop/wire, written by tests/interop/wire/record.
T is the case's topic, T2 its second; \"2 < #0\" is the answer on connection 2 to its request 0. What must differ is named
instead: ids, times, addresses, the words of error messages. Topics and partitions of an answer are sorted.
";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/interop/wire/recorded.txt")
}

pub(crate) fn load() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(path()).unwrap_or_default();
    let cases = text.split("\n# ").skip(1).filter_map(|case| {
        let mut lines = case.lines().map(str::to_owned);
        let name = lines.next()?;
        Some((name, lines.take_while(|line| !line.is_empty()).collect()))
    });
    cases.collect()
}

pub(crate) fn write(cases: &[(String, Vec<String>)]) -> String {
    let mut text = String::new();
    for (name, lines) in cases {
        text.push_str(&format!("\n# {name}\n"));
        lines.iter().for_each(|line| text.extend([line, "\n"]));
    }
    text
}

/// Replaces what these cases got before, and keeps that of others.
pub(crate) fn save(cases: &[(String, Vec<String>)]) {
    let whole = std::env::var("WIRE_CASE").is_err();
    let mut all = if whole { BTreeMap::new() } else { load() };
    for (name, lines) in cases {
        all.insert(name.clone(), lines.clone());
    }
    let order = super::cases::all();
    let recorded = order.into_iter().filter_map(|case| all.remove_entry(&case.name));
    let text = HEAD.to_owned() + &write(&recorded.collect::<Vec<_>>());
    std::fs::write(path(), text).expect("recorded.txt is writable");
}

/// Both sides, where they differ: their longest common part is shown once.
pub(crate) fn compare(name: &str, got: &[String], expected: &[String]) -> String {
    let mut text = name.to_owned();
    let common = common_lengths(got, expected);
    let (mut at_got, mut at_expected) = (0, 0);
    while at_got < got.len() || at_expected < expected.len() {
        let (mine, kafkas) = (got.get(at_got), expected.get(at_expected));
        let skips_expected = kafkas.is_some()
            && (mine.is_none() || common[at_got][at_expected + 1] >= common[at_got + 1][at_expected]);
        let (who, line) = match (mine, kafkas) {
            (Some(mine), kafkas) if kafkas == Some(mine) => {
                (at_got, at_expected) = (at_got + 1, at_expected + 1);
                ("both ", mine)
            }
            (_, Some(kafkas)) if skips_expected => {
                at_expected += 1;
                ("kafka", kafkas)
            }
            (Some(mine), _) => {
                at_got += 1;
                ("got  ", mine)
            }
            (None, _) => break,
        };
        text.push_str(&format!("\n    {who}  {line}"));
    }
    text
}

/// The number of lines that both texts have in common after each pair of positions.
fn common_lengths(got: &[String], expected: &[String]) -> Vec<Vec<usize>> {
    let mut lengths = vec![vec![0; expected.len() + 1]; got.len() + 1];
    for at_got in (0..got.len()).rev() {
        for at_expected in (0..expected.len()).rev() {
            lengths[at_got][at_expected] = match got[at_got] == expected[at_expected] {
                true => lengths[at_got + 1][at_expected + 1] + 1,
                false => lengths[at_got + 1][at_expected].max(lengths[at_got][at_expected + 1]),
            };
        }
    }
    lengths
}
