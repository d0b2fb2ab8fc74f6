//! Patch tokens averaged to a coarser grid.

use crate::encoder::interface::TokenShape;
use crate::error::{Error, Result};

use super::config::TokenGrid;

/// The grid that `choice` leaves of an encoder's `tokens`.
///
/// # Errors
/// [`Error::Usage`] if tokens are asked of an encoder that has none, or a finer grid than it has.
pub fn pooled_shape(choice: TokenGrid, tokens: Option<TokenShape>, encoder: &str) -> Result<Option<TokenShape>> {
    let have = || {
        tokens.ok_or_else(|| {
            Error::Usage(format!(
                "features.tokens = \"{choice}\", but encoder \"{encoder}\" has no tokens; set \"none\""
            ))
        })
    };
    match choice {
        TokenGrid::None => Ok(None),
        TokenGrid::All => have().map(Some),
        TokenGrid::Pooled(rows, cols) => {
            let have = have()?;
            let (rows, cols) = (rows as usize, cols as usize);
            if rows > have.rows || cols > have.cols {
                return Err(Error::Usage(format!(
                    "features.tokens = \"{choice}\", but encoder \"{encoder}\" has a grid of {} x {}; expected at most \
                     that",
                    have.rows, have.cols
                )));
            }
            Ok(Some(TokenShape { rows, cols, ..have }))
        }
    }
}

/// Averages a grid of tokens to `to.rows` × `to.cols`; cell (i, j) is the mean over rows ⌊i·R/r⌋ to ⌈(i+1)·R/r⌉ and
/// columns alike, so that every token counts and grids need not divide each other.
pub fn pool(tokens: &[f32], from: TokenShape, to: TokenShape) -> Vec<f32> {
    if from == to {
        return tokens.to_vec();
    }
    let span = |i: usize, from: usize, to: usize| (i * from / to)..((i + 1) * from).div_ceil(to);
    let width = from.width;
    let mut result = Vec::with_capacity(to.values());
    let mut sum = vec![0.0_f64; width];
    for i in 0..to.rows {
        for j in 0..to.cols {
            sum.fill(0.0);
            let (rows, cols) = (span(i, from.rows, to.rows), span(j, from.cols, to.cols));
            let count = (rows.len() * cols.len()) as f64;
            for row in rows {
                for col in cols.clone() {
                    let start = (row * from.cols + col) * width;
                    for (sum, &value) in sum.iter_mut().zip(&tokens[start..start + width]) {
                        *sum += f64::from(value);
                    }
                }
            }
            result.extend(sum.iter().map(|&s| (s / count) as f32));
        }
    }
    result
}
