//! What is to be compared, from the arguments and the environment.

use std::path::PathBuf;

use crate::clients::Client;
use crate::environment::positive;
use crate::preset::{self, Brokers, Preset};

pub(crate) struct Settings {
    pub(crate) presets: Vec<Preset>,
    pub(crate) clients: Vec<Client>,
    pub(crate) rounds: usize,
    pub(crate) format: Format,
    /// Where results are kept.
    pub(crate) out: Option<PathBuf>,
}

/// What goes to stdout at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Json,
}

impl Settings {
    pub(crate) fn of(arguments: &[&str]) -> Result<Self, String> {
        let (flags, names): (Vec<&str>, Vec<&str>) =
            arguments.iter().partition(|argument| argument.starts_with("--"));
        let format = match flags[..] {
            [] => Format::Table,
            ["--json"] => Format::Json,
            _ => return Err(format!("{}: the only flag is --json", flags.join(" "))),
        };
        Ok(Self {
            presets: presets(if names.is_empty() { &["main"] } else { &names })?,
            clients: match std::env::var("CLIENTS") {
                Ok(names) => names.split(',').map(Client::by_name).collect::<Result<_, _>>()?,
                Err(_) => Client::ALL
                    .into_iter()
                    .filter(|client| *client != Client::LingerDropped)
                    .collect(),
            },
            rounds: positive("ROUNDS", 3_u64)? as usize,
            format,
            out: std::env::var_os("OUT").map(PathBuf::from),
        })
    }
}

fn presets(names: &[&str]) -> Result<Vec<Preset>, String> {
    let mut presets: Vec<Preset> = match names {
        ["all"] => preset::all()
            .into_iter()
            .filter(|preset| preset.brokers != Brokers::ApacheKafka)
            .collect(),
        _ => names
            .iter()
            .map(|name| {
                let found = preset::all().into_iter().find(|preset| preset.name == *name);
                found.ok_or_else(|| format!("there is no preset {name}: `list` names them"))
            })
            .collect::<Result<_, _>>()?,
    };
    for preset in &mut presets {
        preset.workload = preset.workload.clone().or_from_env()?;
    }
    Ok(presets)
}
