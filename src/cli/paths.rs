//! Paths on the command line.

use std::any::TypeId;
use std::ffi::OsStr;
use std::path::PathBuf;

use clap::{ArgMatches, Command};

use crate::error::{Error, Result};
use crate::terminal::{printable, steers};

/// Refuses paths that no page, table or terminal can show as they are, before anything is done with them.
///
/// # Errors
/// [`Error::Usage`].
pub(crate) fn check(command: &Command, matches: &ArgMatches) -> Result<()> {
    for argument in command.get_arguments() {
        if argument.get_value_parser().type_id() != TypeId::of::<PathBuf>() {
            continue;
        }
        let name = argument.get_id().as_str();
        for value in matches.try_get_raw(name).ok().flatten().into_iter().flatten() {
            shown(value).map_err(|error| error.within(name))?;
        }
    }
    let Some((name, below)) = matches.subcommand() else {
        return Ok(());
    };
    command.find_subcommand(name).map_or(Ok(()), |verb| check(verb, below))
}

fn shown(path: &OsStr) -> Result<()> {
    let refused = |why: &str, as_shown: &str| {
        Err(Error::Usage(format!(
            "the path \"{as_shown}\" {why}, so it cannot stand in tables and pages: use another name, or a link that has one"
        )))
    };
    match path.to_str() {
        None => refused("is not UTF-8", &printable(&path.to_string_lossy())),
        Some(text) if text.contains(steers) => refused("holds control characters", &printable(text)),
        Some(_) => Ok(()),
    }
}
