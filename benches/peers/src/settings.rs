//! What to compare, from the arguments and the environment.

use crate::archive::Archive;
use crate::client::Client;
use crate::environment::positive;
use crate::preset::{self, Brokers, Preset};
use crate::report::Format;

pub(crate) struct Settings {
    pub(crate) presets: Vec<Preset>,
    pub(crate) clients: Vec<Client>,
    pub(crate) rounds: usize,
    pub(crate) format: Format,
    /// The folder of the results, if `OUT` names one.
    pub(crate) archive: Option<Archive>,
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
            archive: Archive::from_env()?,
        })
    }
}

fn presets(names: &[&str]) -> Result<Vec<Preset>, String> {
    let mut presets = Vec::new();
    for name in names {
        let of_name = preset::all().into_iter().filter(|preset| match *name {
            "all" => preset.brokers != Brokers::ApacheKafka,
            name => preset.name == name,
        });
        let before = presets.len();
        presets.extend(of_name);
        if presets.len() == before {
            return Err(format!("there is no preset {name}: `list` names them"));
        }
    }
    presets.into_iter().map(Preset::or_from_env).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> Result<Vec<&'static str>, String> {
        presets(arguments).map(|presets| presets.iter().map(|preset| preset.name).collect())
    }

    #[test]
    fn all_is_every_preset_but_the_one_that_needs_apache_kafka() {
        let all = names(&["all"]).expect("all is a name");
        assert!(all.len() > 10 && !all.contains(&"kafka"), "{all:?}");
        let with_kafka = names(&["all", "kafka"]).expect("names");
        assert_eq!(with_kafka.len(), preset::all().len());
        assert!(names(&["main", "mane"]).is_err());
    }
}
