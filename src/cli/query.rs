//! `aura-bench query "SELECT …"`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Context, Error, Result};
use crate::query::context::QueryContext;
use crate::query::{Format, Value};
use crate::regular;

use super::shell::Shell;
use super::{output, prompt};

#[derive(Debug, Args)]
#[command(
    after_help = "Views: runs, metrics, samples, predictions, assignments, archetypes, resets, truth, classes, settings, stages \
                  (docs/tables.md).\nWithout a query: a prompt with history and completion."
)]
pub struct QueryArguments {
    /// One SELECT, WITH, VALUES or EXPLAIN statement
    #[arg(conflicts_with = "file")]
    sql: Option<String>,
    /// Read the query from a file; `-` is stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A value for `$NAME` in the query (repeatable). The type shows in the value: 7, 0.5, true, null, else text; or say it,
    /// as in subject:text=007
    #[arg(long = "param", value_name = "NAME[:TYPE]=VALUE", value_parser = parameter)]
    parameters: Vec<(String, Value)>,
    /// Folder of runs, or one run folder (repeatable); s3://…, gs://…, az://… or https://… (docs/remote.md)
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: Vec<PathBuf>,
    /// How the rows are printed or written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the rows to a file instead of stdout; Parquet needs one
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn run(arguments: &QueryArguments, shell: &Shell) -> Result<()> {
    let context = QueryContext::open_heeding(&arguments.runs, &shell.interrupt)?;
    for warning in context.warnings() {
        shell.progress.line(&format!("warning: {warning}"));
    }
    let sql = match (&arguments.sql, &arguments.file) {
        (Some(sql), _) => sql.clone(),
        (None, Some(path)) => read(path)?,
        (None, None) => return prompt::run(&context, arguments.format, &arguments.parameters, &shell.interrupt),
    };
    let parameters: Vec<(&str, Value)> = arguments
        .parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    match (&arguments.out, arguments.format) {
        (Some(path), Format::Parquet) => context.query_to_parquet(&sql, &parameters, path),
        (None, Format::Parquet) => Err(Error::Usage(
            "Parquet is no text: say where it goes, --out FILE".to_owned(),
        )),
        (Some(path), format) => {
            let text = context.query_with(&sql, &parameters)?.to_text(format);
            crate::disk::atomic::write(path, text.as_bytes())
        }
        (None, format) => output::print_data(&context.query_with(&sql, &parameters)?.to_text(format)),
    }
}

fn read(path: &Path) -> Result<String> {
    if path != Path::new("-") {
        return regular::text(path).at("read", path);
    }
    let stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        return Err(Error::Usage(
            "--file - reads the query from stdin, which is a terminal; leave it out for a prompt".to_owned(),
        ));
    }
    regular::text_of(stdin).at("read", Path::new("stdin"))
}

/// `name=value`, with the type after a colon where it does not show.
fn parameter(text: &str) -> Result<(String, Value), String> {
    let (head, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is no parameter; expected NAME=VALUE, for example seed=0"))?;
    let (name, kind) = match head.split_once(':') {
        Some((name, kind)) => (name, Some(kind)),
        None => (head, None),
    };
    let name = name.strip_prefix('$').unwrap_or(name);
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(format!(
            "`{name}` cannot be the name of a parameter; expected letters, digits and _"
        ));
    }
    let wrong = |kind: &str| format!("`{value}` is not of type {kind}");
    let value = match kind {
        None => match value {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => value
                .parse()
                .map(Value::Int)
                .or_else(|_| value.parse().map(Value::Float))
                .unwrap_or_else(|_| Value::Text(value.to_owned())),
        },
        Some("int") => Value::Int(value.parse().map_err(|_| wrong("int"))?),
        Some("float") => Value::Float(value.parse().map_err(|_| wrong("float"))?),
        Some("bool") => Value::Bool(value.parse().map_err(|_| wrong("bool"))?),
        Some("text") => Value::Text(value.to_owned()),
        Some(other) => return Err(format!("no type `{other}`; expected int, float, bool or text")),
    };
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_a_parameter_shows_or_is_said() {
        let value = |text| parameter(text).map(|(_, value)| value);
        assert_eq!(value("seed=7"), Ok(Value::Int(7)));
        assert_eq!(value("low=0.5"), Ok(Value::Float(0.5)));
        assert_eq!(value("name=aura"), Ok(Value::Text("aura".to_owned())));
        assert_eq!(value("subject:text=007"), Ok(Value::Text("007".to_owned())));
        assert_eq!(value("flag=true"), Ok(Value::Bool(true)));
        assert_eq!(value("x=a=b"), Ok(Value::Text("a=b".to_owned())));
        assert_eq!(parameter("$seed=1").map(|(name, _)| name), Ok("seed".to_owned()));
        for wrong in ["seed", "=1", "a b=1", "seed:int=x", "seed:date=1"] {
            assert!(parameter(wrong).is_err(), "{wrong}");
        }
    }
}
