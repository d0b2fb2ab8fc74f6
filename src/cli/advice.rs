//! What the command line adds to an error of the library, which knows no options: the ones that help.

use std::io::ErrorKind;

use clap::Command;

use crate::error::{DataKind, Error};

/// Whether an error is meant, the option that helps, and what it does.
type Advice = (fn(&Error) -> bool, &'static str, &'static str);

const ADVICE: [Advice; 8] = [
    (
        database_is_missing,
        "data",
        "--data DIR gives the folder of the database",
    ),
    (
        database_is_missing,
        "stand-in",
        "--stand-in runs the recipe on generated faces instead",
    ),
    (
        weights_are_missing,
        "set",
        "--set encoder.weights=DIR reads them from a folder",
    ),
    (
        weights_are_missing,
        "set",
        "--set encoder.kind=hog runs without any, on histograms of gradients",
    ),
    (weights_are_missing, "weights", "--weights DIR reads them from a folder"),
    (
        |error| matches!(error, Error::NotComparable(_)),
        "force",
        "--force shows them side by side all the same, marked as not comparable",
    ),
    (
        cannot_be_written,
        "cache",
        "--cache DIR, or AURA_BENCH_CACHE, keeps samples and features in another folder",
    ),
    (cannot_be_written, "out", "--out writes results elsewhere"),
];

fn database_is_missing(error: &Error) -> bool {
    error.data_kind() == Some(DataKind::MissingDatabase)
}

fn weights_are_missing(error: &Error) -> bool {
    error.data_kind() == Some(DataKind::MissingWeights)
}

fn cannot_be_written(error: &Error) -> bool {
    let Error::Io { action, source, .. } = error else {
        return false;
    };
    // A HOME that is not there, below a folder in which none can be made.
    let makes = action.starts_with("create the folder");
    let refused = source.downcast_ref::<std::io::Error>().is_some_and(|error| {
        matches!(
            error.kind(),
            ErrorKind::PermissionDenied
                | ErrorKind::ReadOnlyFilesystem
                | ErrorKind::StorageFull
                | ErrorKind::QuotaExceeded
                | ErrorKind::NotADirectory
        ) || makes && error.kind() == ErrorKind::NotFound
    });
    refused && !action.starts_with("read") && !action.starts_with("open")
}

/// The lines of help for `error`: of the options that `verb` takes.
pub(crate) fn of(error: &Error, verb: Option<&Command>) -> Vec<&'static str> {
    let takes = |option: &str| {
        verb.is_some_and(|verb| verb.get_arguments().any(|argument| argument.get_long() == Some(option)))
    };
    ADVICE
        .iter()
        .filter(|(meant, option, _)| meant(error) && takes(option))
        .map(|(_, _, text)| *text)
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{ErrorKind, of};
    use crate::cli::arguments::Arguments;
    use crate::error::Error;

    #[test]
    fn only_options_that_the_verb_takes_are_named() {
        let command = Arguments::command();
        let missing = Error::missing_database("not there");
        let lines = |error: &Error, verb: &str| of(error, command.find_subcommand(verb)).join("\n");
        assert!(lines(&missing, "run").contains("--data DIR") && lines(&missing, "run").contains("--stand-in"));
        assert!(
            lines(&missing, "convert").contains("--data DIR") && !lines(&missing, "convert").contains("--stand-in")
        );
        assert_eq!(lines(&missing, "query"), "");
        let weights = Error::missing_weights("not there");
        assert!(
            lines(&weights, "run").contains("encoder.weights=DIR")
                && lines(&weights, "run").contains("encoder.kind=hog")
        );
        assert_eq!(lines(&weights, "extract"), "--weights DIR reads them from a folder");
        assert_eq!(lines(&Error::data("anything else"), "run"), "");
        let full = Error::Io {
            action: "create the folder",
            path: "/home/me/.cache".into(),
            source: std::io::Error::from(ErrorKind::PermissionDenied).into(),
        };
        assert!(lines(&full, "run").contains("AURA_BENCH_CACHE") && lines(&full, "run").contains("--out"));
        assert!(!lines(&full, "report").contains("AURA_BENCH_CACHE"));
        assert!(lines(&Error::NotComparable("two".to_owned()), "compare").contains("--force"));
    }
}
