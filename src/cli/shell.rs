//! What every verb is given beside its own arguments.

use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// What every verb is handed.
pub(crate) struct Shell {
    pub(crate) progress: Progress,
    pub(crate) interrupt: Interrupt,
}

/// A comma-separated list of seeds.
pub(crate) fn parse_seeds(text: &str) -> Result<Vec<u64>, String> {
    text.split(',')
        .map(|seed| {
            seed.trim()
                .parse()
                .map_err(|_| format!("`{seed}` is not a seed; expected for example 0,1,2"))
        })
        .collect()
}

/// Reads a value by the name that recipes know it under.
pub(crate) fn named<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}
