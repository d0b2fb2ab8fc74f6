//! The command line: one file a verb, each turning arguments into one library call and an exit code.

pub mod advice;
pub mod arguments;
pub mod baseline;
pub mod bench;
pub mod check;
pub mod compare;
pub mod completions;
pub mod convert;
pub mod doctor;
pub mod explain;
pub mod export;
pub mod extract;
pub mod output;
pub mod prompt;
pub mod published;
pub mod query;
pub mod report;
pub mod run;
pub mod schema;
pub mod shell;
pub mod standin;
pub mod validate;
