//! Peers that are programs of their own, which `benches/peers/peers` builds.

use std::path::PathBuf;
use std::process::Command;

/// Where `peers` leaves an executable for each, or a file that says why it could not.
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
