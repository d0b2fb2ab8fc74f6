//! The command line: one file a verb, each turning arguments into one library call and an exit code.

pub(crate) mod advice;
pub mod arguments;
pub(crate) mod baseline;
pub(crate) mod bench;
pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod extract;
pub(crate) mod generate;
pub(crate) mod output;
pub(crate) mod prompt;
pub(crate) mod published;
pub(crate) mod query;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod shell;
pub(crate) mod show_conversion;
pub(crate) mod standin;
pub(crate) mod validate;
