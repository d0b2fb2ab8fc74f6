//! `aura-bench cache ls`, `verify`, `gc` and `rm`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};

use crate::cache::entry::{Entry, Kind};
use crate::cache::limits::{Limits, Size};
use crate::cache::{checkpoints, listing, tidy};
use crate::chain::stages::cache_folder;
use crate::error::{Error, Result};
use crate::feature::store;
use crate::interrupt::Interrupt;
use crate::query::{FoundRun, discover};

use super::output;
use super::shell::Shell;

/// What nobody used for so long goes, unless something else is asked for.
const UNUSED: Duration = Duration::from_hours(30 * 24);

#[derive(Debug, Args)]
pub struct CacheArguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Args)]
struct Where {
    /// The cache [default: `AURA_BENCH_CACHE`, else the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Folders of runs that are asked what they use, and whose checkpoints are listed [default: runs, if it is there]
    #[arg(long, value_name = "DIR")]
    runs: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List what lies there: what it is, made from what, used by which runs, its size, when it was last used
    Ls {
        #[command(flatten)]
        place: Where,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Compare every file with its digest; exit code 3 if one is damaged
    Verify {
        #[command(flatten)]
        place: Where,
        /// Names as `ls` shows them [default: all]
        names: Vec<String>,
    },
    /// Remove what was not used for long, or all but what was used last; without --yes only say what would go
    Gc {
        #[command(flatten)]
        place: Where,
        /// What was not used for so long goes: 30d, 12h [default: 30d, unless --keep is given]
        #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
        older_than: Option<Duration>,
        /// Of the rest, what was used last stays, up to this size: 20GB
        #[arg(long, value_name = "SIZE")]
        keep: Option<Size>,
        /// Remove it
        #[arg(long)]
        yes: bool,
    },
    /// Remove folders by name; without --yes only say what would go
    Rm {
        #[command(flatten)]
        place: Where,
        /// Names as `ls` shows them
        #[arg(required = true)]
        names: Vec<String>,
        /// Remove them
        #[arg(long)]
        yes: bool,
    },
}

pub fn run(arguments: &CacheArguments, shell: &Shell) -> Result<()> {
    match &arguments.verb {
        Verb::Ls { place, json } => {
            let (cache, entries) = place.entries()?;
            if *json {
                let bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
                return output::print_json(&serde_json::json!({
                    "schema": 1, "cache": cache.display().to_string(), "bytes": bytes, "entries": entries,
                }));
            }
            output::print(&table(&cache, &entries))
        }
        Verb::Verify { place, names } => {
            let (_, entries) = place.entries()?;
            let mut damaged = 0;
            let mut text = String::new();
            for entry in named(&entries, names)?.into_iter().filter(|entry| entry.is_published()) {
                shell.interrupt.check()?;
                let mut found: Vec<String> = entry
                    .damages(&shell.interrupt)?
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                if entry.kind == Kind::Features {
                    found.extend(store::damages(&entry.path, &shell.interrupt)?);
                }
                let word = if found.is_empty() { "whole" } else { "DAMAGED" };
                let _ = writeln!(text, "{word:<8} {}", entry.name);
                for damage in &found {
                    let _ = writeln!(text, "         {damage}");
                }
                damaged += usize::from(!found.is_empty());
            }
            output::print(text.trim_end())?;
            if damaged > 0 {
                return Err(Error::data(format!(
                    "{damaged} damaged; the next run that needs one makes it again, or remove it with `aura-bench cache rm`"
                )));
            }
            Ok(())
        }
        Verb::Gc {
            place,
            older_than,
            keep,
            yes,
        } => {
            let (_, entries) = place.entries()?;
            let limits = Limits {
                older_than: older_than.or_else(|| keep.is_none().then_some(UNUSED)),
                keep: keep.map(|size| size.0),
            };
            remove(&tidy::plan(&entries, &limits, SystemTime::now()), *yes, shell)
        }
        Verb::Rm { place, names, yes } => {
            let (_, entries) = place.entries()?;
            let chosen = named(&entries, names)?;
            if let Some(entry) = chosen.iter().find(|entry| entry.in_use) {
                return Err(Error::data(format!("{} is in use; nothing was removed", entry.name)));
            }
            remove(&chosen, *yes, shell)
        }
    }
}

impl Where {
    fn entries(&self) -> Result<(PathBuf, Vec<Entry>)> {
        let cache = cache_folder(self.cache.clone())?;
        let default = Path::new("runs");
        let runs: Vec<PathBuf> = if self.runs.is_empty() && default.is_dir() {
            vec![default.to_owned()]
        } else {
            self.runs.clone()
        };
        let found: Vec<FoundRun> = if runs.is_empty() {
            Vec::new()
        } else {
            discover(&runs, &Interrupt::default())?.0
        };
        let mut entries = listing::entries(&cache, &found)?;
        for folder in &runs {
            entries.extend(checkpoints::entries(folder)?);
        }
        Ok((cache, entries))
    }
}

/// The entries of these names, each once; all if there are none.
fn named<'a>(entries: &'a [Entry], names: &[String]) -> Result<Vec<&'a Entry>> {
    if let Some(name) = names
        .iter()
        .find(|name| entries.iter().all(|entry| entry.name != **name))
    {
        return Err(Error::Usage(format!(
            "nothing here is called `{name}`; `aura-bench cache ls` lists the names"
        )));
    }
    let wanted = |entry: &&Entry| names.is_empty() || names.contains(&entry.name);
    Ok(entries.iter().filter(wanted).collect())
}

fn remove(entries: &[&Entry], yes: bool, shell: &Shell) -> Result<()> {
    let bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
    let mut text = String::new();
    for entry in entries {
        shell.interrupt.check()?;
        if yes {
            entry.remove()?;
        }
        let _ = writeln!(
            text,
            "{} {} ({}, last used {})",
            if yes { "removed" } else { "would remove" },
            entry.name,
            size(entry.bytes),
            entry.last_used
        );
    }
    let _ = match (entries.len(), yes) {
        (0, _) => write!(text, "nothing to remove"),
        (n, true) => write!(text, "{n} removed, {} freed", size(bytes)),
        (n, false) => write!(text, "{n} would go, {} in all; --yes removes them", size(bytes)),
    };
    output::print(&text)
}

fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

fn table(cache: &Path, entries: &[Entry]) -> String {
    let mut text = format!("{}\n", cache.display());
    for entry in entries {
        let _ = writeln!(
            text,
            "{:<10} {:>11}  {}  {}{}",
            entry.kind.as_str(),
            size(entry.bytes),
            entry.last_used,
            entry.name,
            if entry.in_use { "  IN USE" } else { "" }
        );
        if !entry.made_from.is_empty() {
            let _ = writeln!(text, "{:<24}from {}", "", entry.made_from);
        }
        if !entry.used_by.is_empty() {
            let _ = writeln!(text, "{:<24}used by {}", "", entry.used_by.join(", "));
        }
    }
    let bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
    let _ = write!(text, "{} entries, {}", entries.len(), size(bytes));
    text
}
