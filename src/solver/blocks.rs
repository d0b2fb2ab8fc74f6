//! Long ranges in pieces.

use std::ops::Range;

/// 0..n in pieces of `size`, the last one shorter.
pub fn blocks(n: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n).step_by(size.max(1)).map(move |start| start..n.min(start + size))
}
