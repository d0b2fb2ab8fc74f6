//! Text as Windows programs save it when they say "Unicode".

/// Whether a file that begins with these bytes is text in UTF-16: with its mark, or with a NUL in every second byte.
pub(super) fn is_utf16(start: &[u8]) -> bool {
    let start = &start[..start.len().min(64)];
    let nul_at = |first: usize| start.len() >= 4 && start.iter().skip(first).step_by(2).all(|byte| *byte == 0);
    start.starts_with(b"\xFF\xFE") || start.starts_with(b"\xFE\xFF") || nul_at(0) != nul_at(1)
}
