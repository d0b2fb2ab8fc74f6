//! `aura-bench convert CARD`.

use std::path::PathBuf;

use clap::Args;

use crate::dataset::{self, Card, ConvertOptions, DatasetConfig};
use crate::error::{Error, Result};

use super::{Shell, output};

#[derive(Debug, Args)]
pub struct ConvertArguments {
    /// The database's card: a built-in name such as rafdb, or the path of a card
    card: String,
    /// The database's folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where samples.parquet, rejects.csv and conversion.json are written
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A key of a recipe's `[dataset]` section, such as `frames=clean` or `dataset.images=original`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print the conversion report as JSON
    #[arg(long)]
    json: bool,
}

/// The `[dataset]` section with these keys, for this card.
fn section(card: &str, set: &[String]) -> Result<DatasetConfig> {
    let mut table = toml::Table::new();
    for entry in set {
        let Some((key, value)) = entry.split_once('=') else {
            return Err(Error::Usage(format!("--set {entry}: expected KEY=VALUE, such as frames=clean")));
        };
        let key = key.trim();
        let key = key.strip_prefix("dataset.").unwrap_or(key);
        if matches!(key, "card" | "root") {
            return Err(Error::Usage(format!(
                "--set {entry}: the card and the folder are arguments of their own, CARD and --data"
            )));
        }
        // What is no value of TOML is a text, so that quotes may be left out.
        let value = format!("value = {value}")
            .parse::<toml::Table>()
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| toml::Value::String(value.to_owned()));
        table.insert(key.to_owned(), value);
    }
    table.insert("card".to_owned(), toml::Value::String(card.to_owned()));
    let config: DatasetConfig = serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|error| {
        Error::Usage(format!("--set {}: {}", error.path(), error.inner().message().trim()))
    })?;
    config
        .validate()
        .map_err(|(key, message)| Error::Usage(format!("--set {key}: {message}")))?;
    Ok(config)
}

pub fn run(arguments: &ConvertArguments, shell: &Shell) -> Result<()> {
    let card = Card::load(&arguments.card)?;
    let options = ConvertOptions::from(&section(&arguments.card, &arguments.set)?);
    let conversion = dataset::convert(
        &card,
        &arguments.data,
        &options,
        &arguments.out,
        &shell.progress,
        &shell.interrupt,
    )?;
    if arguments.json {
        output::print_json(&conversion)
    } else {
        output::print(&conversion.to_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Frames, Images};

    fn set(entries: &[&str]) -> Result<DatasetConfig> {
        let entries: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
        section("rafdb", &entries)
    }

    #[test]
    fn keys_are_those_of_a_recipe() {
        let config = set(&["dataset.images=original", "frames=\"clean\"", "max_rejected=0.5", "split_seed=3"]).unwrap();
        assert_eq!((config.images, config.frames), (Images::Original, Frames::Clean));
        assert!((config.max_rejected - 0.5).abs() < 1e-12 && config.split_seed == 3);
    }

    #[test]
    fn mistakes_are_told_with_their_key() {
        for (entry, expected) in [
            ("images", "expected KEY=VALUE"),
            ("imagse=original", "imagse"),
            ("images=orignal", "orignal"),
            ("layout=tarball", "expected `auto` or one of"),
            ("max_rejected=2", "a share from 0 to 1"),
            ("root=/data", "--data"),
        ] {
            let error = set(&[entry]).unwrap_err();
            assert!(matches!(error, Error::Usage(_)), "{entry}");
            assert!(error.to_string().contains(expected), "{entry}: {error}");
        }
    }
}
