//! Which line of which file says what a recipe says.

use std::path::Path;

use crate::document::tree::Node;
use crate::error::Result;

use super::load::{RecipeOptions, load};

/// The places of a recipe's keys, those of the recipes that it extends among them.
#[derive(Debug)]
pub struct Places(Node);

impl Places {
    /// Reads a recipe as [`super::Recipe::load`] does, without checking its values.
    ///
    /// # Errors
    /// A [`crate::document::mistake::Mistake`] if it cannot be read as TOML (exit 2).
    pub fn read(path: &Path, options: &RecipeOptions) -> Result<Self> {
        Ok(Self(load(path, options)?))
    }

    /// File and 1-based line of a dotted key; `None` if the key is not written anywhere.
    pub fn line_of(&self, key: &str) -> Option<(String, usize)> {
        self.0.has(key).then(|| self.0.place_of(key, true).line())
    }
}
