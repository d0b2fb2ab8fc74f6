//! A library under another name.
//!
//! A dynamic linker that is asked for a library by its name takes one that is open already if that *says of itself* that it is
//! called so. The binding of NVRTC asks for `libnvrtc.so`, `libnvrtc.so.12` and older names; the one of CUDA 13 is called
//! `libnvrtc.so.13`, and a `libnvrtc.so` of another version may lie where the linker looks. So a library is made that says it
//! is called `libnvrtc.so` and holds nothing but the wish to load the chosen one, in which the linker then finds every function.

use std::path::Path;

/// Bytes of a header, an entry of the table of segments, an entry of the dynamic section, and a symbol.
const HEADER: u64 = 64;
const SEGMENT: u64 = 56;
const ENTRY: u64 = 16;
const SYMBOL: u64 = 24;

/// What this processor is called in such files.
const MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

/// The bytes of a library (64-bit ELF, little endian) that is called `name` and loads `target`, given by its absolute path.
pub fn library(name: &str, target: &Path) -> Vec<u8> {
    let segments = 3;
    let dynamic = HEADER + segments * SEGMENT;
    let entries = 8;
    let symbols = dynamic + entries * ENTRY;
    let hash = symbols + SYMBOL;
    let text = hash + 16;
    let mut strings = vec![0];
    let mut string = |value: &[u8]| {
        let at = strings.len() as u64;
        strings.extend_from_slice(value);
        strings.push(0);
        at
    };
    let own = string(name.as_bytes());
    let needed = string(target.as_os_str().as_encoded_bytes());
    let size = text + strings.len() as u64;

    let mut bytes = Vec::new();
    // 64 bits, little endian, version 1; a shared library, version 1, without an entry; its segments, no sections.
    bytes.extend_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    halves(&mut bytes, &[3, MACHINE]);
    words(&mut bytes, &[1]);
    longs(&mut bytes, &[0, HEADER, 0]);
    words(&mut bytes, &[0]);
    halves(&mut bytes, &[HEADER as u16, SEGMENT as u16, segments as u16, 64, 0, 0]);
    // All of it is loaded, readable and writable, since linkers write addresses into the dynamic section; the stack is not executable.
    for (kind, offset, length, align) in [
        (1, 0, size, 0x1_0000),
        (2, dynamic, entries * ENTRY, 8),
        (0x6474_e551, 0, 0, 16),
    ] {
        words(&mut bytes, &[kind, 6]);
        longs(&mut bytes, &[offset, offset, offset, length, length, align]);
    }
    for (tag, value) in [
        (1, needed),
        (14, own),
        (4, hash),
        (5, text),
        (6, symbols),
        (10, strings.len() as u64),
        (11, SYMBOL),
        (0, 0),
    ] {
        longs(&mut bytes, &[tag, value]);
    }
    // The symbol that every table begins with, and a table of hashes in which nothing is found.
    longs(&mut bytes, &[0, 0, 0]);
    words(&mut bytes, &[1, 1, 0, 0]);
    bytes.extend_from_slice(&strings);
    bytes
}

fn halves(bytes: &mut Vec<u8>, values: &[u16]) {
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn words(bytes: &mut Vec<u8>, values: &[u32]) {
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn longs(bytes: &mut Vec<u8>, values: &[u64]) {
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_lies_where_the_file_says() {
        let bytes = library("libone.so", Path::new("/a/libtwo.so.13"));
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        let segment = |index: usize| 64 + 56 * index;
        assert_eq!(long(segment(0) + 32), bytes.len(), "all of it is loaded");
        let dynamic = long(segment(1) + 8);
        let value = |tag: usize| {
            let mut entries = (0..8).map(|i| dynamic + 16 * i);
            entries.find(|&at| long(at) == tag).map(|at| long(at + 8)).unwrap()
        };
        let text = value(5);
        let string = |at: usize| {
            let rest = &bytes[text + at..];
            String::from_utf8_lossy(&rest[..rest.iter().position(|&byte| byte == 0).unwrap()]).into_owned()
        };
        assert_eq!(
            (string(value(14)), string(value(1))),
            ("libone.so".to_owned(), "/a/libtwo.so.13".to_owned())
        );
        assert_eq!(text + value(10), bytes.len());
        assert_eq!(value(6), dynamic + 8 * 16);
    }
}
