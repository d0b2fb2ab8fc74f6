//! Candidates that are walked to the last as soon as the first is asked for.

use crate::error::Result;
use crate::sets::Matrix;

use super::choose::Candidates;

/// Candidates of one part, of which only the outputs stay: what is large about a part is in memory for one part at a time.
pub struct Walked<C> {
    path: Option<C>,
    outputs: Vec<Matrix>,
}

impl<C: Candidates> Walked<C> {
    /// Not walked yet.
    pub fn new(path: C) -> Self {
        Self {
            path: Some(path),
            outputs: Vec::new(),
        }
    }
}

impl<C: Candidates> Candidates for Walked<C> {
    fn outputs(&mut self, at: usize) -> Result<Option<Matrix>> {
        if let Some(mut path) = self.path.take() {
            while let Some(outputs) = path.outputs(self.outputs.len())? {
                self.outputs.push(outputs);
            }
        }
        Ok(self.outputs.get(at).cloned())
    }
}
