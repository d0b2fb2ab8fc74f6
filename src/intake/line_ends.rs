//! Where lines end: with LF, CR LF or, in a file without any LF, with CR alone, as some spreadsheets write them.

/// Where the last whole line of a part of a file ends in which CR ends lines. A CR at the very end may belong to an LF that is not
/// read yet.
pub(super) fn end_by_return(bytes: &[u8]) -> usize {
    let ends = bytes.windows(2).rposition(|pair| match pair {
        [b'\n', _] => true,
        [b'\r', next] => *next != b'\n',
        _ => false,
    });
    ends.map_or(0, |at| at + 1)
}

/// Makes every end of a line a line feed.
pub(super) fn feed_lines(bytes: &mut Vec<u8>) {
    let mut returned = false;
    bytes.retain_mut(|byte| {
        let second = std::mem::take(&mut returned) && *byte == b'\n';
        if *byte == b'\r' {
            returned = true;
            *byte = b'\n';
        }
        !second
    });
}

/// The lines of a small file: lines end with LF, CR LF or, where there is no LF at all, CR.
pub(crate) fn lines_of(text: &str) -> impl Iterator<Item = &str> {
    let end = if text.contains('\n') { '\n' } else { '\r' };
    let mut text = text.trim_start_matches('\u{feff}');
    // What stands behind the last line end is no line.
    text = text.strip_suffix(end).unwrap_or(text);
    text.split(end).map(|line| line.strip_suffix('\r').unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::super::text::{BLOCK, each_line};
    use super::*;

    fn lines(bytes: &[u8]) -> (Vec<(u32, String)>, usize) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.txt");
        std::fs::write(&path, bytes).unwrap();
        let (mut found, mut unusable) = (Vec::new(), 0);
        each_line(&path, "list.txt", |line, text| {
            match text {
                Ok(text) => found.push((line, text.to_owned())),
                Err(_) => unusable += 1,
            }
            Ok(())
        })
        .unwrap();
        (found, unusable)
    }

    #[test]
    fn a_return_ends_lines_where_nothing_else_does() {
        let expected = vec![(1, "a,1".to_owned()), (3, "b,2".to_owned())];
        for text in ["a,1\r\rb,2\r", "\u{feff}a,1\r\rb,2", "a,1\r\n\r\nb,2\r\n", "a,1\n\nb,2"] {
            assert_eq!(lines(text.as_bytes()), (expected.clone(), 0), "{text:?}");
            let read: Vec<&str> = lines_of(text).collect();
            assert_eq!(read, ["a,1", "", "b,2"], "{text:?}");
        }
        // Where there are line feeds, a return in a line is text.
        assert_eq!(lines(b"a\rb\nc").0.len(), 2);
        assert_eq!(lines_of("").collect::<Vec<_>>(), [""]);
    }

    /// Ends of blocks fall between CR and LF, and within lines.
    #[test]
    fn returns_in_files_longer_than_a_block() {
        let line = [b"x".repeat(61), b"\r".to_vec()].concat();
        let count = BLOCK / line.len() + 10;
        let mut bytes = line.repeat(count);
        bytes.extend_from_slice(b"last\r\nend\n");
        let (found, unusable) = lines(&bytes);
        assert_eq!((found.len(), unusable), (count + 2, 0));
        assert_eq!(found.last(), Some(&(count as u32 + 2, "end".to_owned())));

        for before in [BLOCK, BLOCK + 1, BLOCK + 2] {
            let mut bytes = b"ab\r".repeat(before / 3 - 1);
            bytes.resize(before - 1, b'c');
            bytes.extend_from_slice(b"\r\nnext\rlast");
            let (found, _) = lines(&bytes);
            let next = found.len() - 2;
            assert_eq!(found[next].1, "next");
            assert_eq!(found[next + 1].0, found[next].0 + 1);
            assert_eq!(found[next].0, found[next - 1].0 + 1, "{before}: CR LF is one end");
        }
    }

    #[test]
    fn a_line_that_is_too_long_costs_no_other() {
        for end in [&b"\r"[..], b"\n", b"\r\n"] {
            // Its end is the last byte of a block, or the first of the next, or beyond.
            for length in [BLOCK - end.len(), BLOCK, BLOCK + 9, 2 * BLOCK] {
                let mut bytes = [b"first", end].concat();
                bytes.resize(length, b'y');
                for part in [end, b"next", end] {
                    bytes.extend_from_slice(part);
                }
                let (found, unusable) = lines(&bytes);
                let expected = [(1, "first".to_owned()), (3, "next".to_owned())];
                assert_eq!((found.as_slice(), unusable), (&expected[..], 1), "{end:?} {length}");
                bytes.truncate(length);
                let (found, unusable) = lines(&bytes);
                assert_eq!((found.as_slice(), unusable), (&expected[..1], 1), "{end:?} {length}");
            }
        }
    }
}
