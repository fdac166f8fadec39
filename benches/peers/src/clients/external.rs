//! Clients in other languages. `benches/peers/peers` builds their programs.

use std::path::PathBuf;
use std::process::Command;

/// The folder with an executable for each client, or with a file that says why there is none.
fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/peers")
}

pub(crate) fn absence(name: &str) -> Option<String> {
    if directory().join(name).is_file() {
        return None;
    }
    match std::fs::read_to_string(directory().join(format!("{name}.absent"))) {
        Ok(why) => Some(why.trim().into()),
        Err(_) => Some("not built: run benches/peers/peers".into()),
    }
}

pub(crate) fn command(name: &str) -> Command {
    Command::new(directory().join(name))
}
