//! JSON documents.

use serde::Serialize;

/// Writes a value as indented JSON, with a line break at its end.
///
/// # Panics
/// If the value has a map whose keys are not strings.
pub fn document(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("plain data with string keys");
    text.push('\n');
    text
}
