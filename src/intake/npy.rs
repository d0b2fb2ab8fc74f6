//! `NumPy`'s `.npy`: one number, or a matrix, read without trusting what the header promises.
//!
//! Format: magic, version, header length, a Python dictionary with `descr`, `fortran_order`, `shape`, then the values
//! (NEP 1). Objects (`O`) are never unpickled.

use std::io::Read;

/// Longest header that is read; `NumPy` pads to 64 bytes and never comes near.
const LONGEST_HEADER: usize = 1 << 16;

/// What the values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `b1`
    Bool,
    /// `i1 … i8`
    Int,
    /// `u1 … u8`
    Uint,
    /// `f2, f4, f8`
    Float,
    /// `S`: bytes.
    Bytes,
    /// `U`: UTF-32.
    Text,
}

/// The header of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What the values are.
    pub kind: Kind,
    /// Bytes of one value.
    pub width: usize,
    /// Whether the values are stored with the largest byte first.
    pub big_endian: bool,
    /// Whether the first index runs fastest.
    pub fortran_order: bool,
    /// Sizes of the dimensions; empty for a single value.
    pub shape: Vec<usize>,
}

impl Header {
    /// Number of values, if it fits.
    pub fn len(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |n, size| n.checked_mul(*size))
    }
}

/// Begins what is said of values that are not read, so that a message on one of several arrays may say it otherwise.
pub(crate) const HOLDS: &str = "the array holds ";

/// Reads the header; the reader then stands at the first value.
///
/// # Errors
/// What is wrong with it.
pub fn read_header(input: &mut impl Read) -> Result<Header, String> {
    let cut = |_| "the file ends within the header".to_owned();
    let mut start = [0; 8];
    input.read_exact(&mut start).map_err(cut)?;
    if start[..6] != *b"\x93NUMPY" {
        return Err("not a .npy file".into());
    }
    let length = if start[6] == 1 {
        let mut bytes = [0; 2];
        input.read_exact(&mut bytes).map_err(cut)?;
        usize::from(u16::from_le_bytes(bytes))
    } else if start[6] <= 3 {
        let mut bytes = [0; 4];
        input.read_exact(&mut bytes).map_err(cut)?;
        u32::from_le_bytes(bytes) as usize
    } else {
        return Err(format!("version {} of the format is not known", start[6]));
    };
    if length > LONGEST_HEADER {
        return Err(format!("the header claims {length} bytes"));
    }
    let mut text = vec![0; length];
    input.read_exact(&mut text).map_err(cut)?;
    let text = String::from_utf8(text).map_err(|_| "the header is not text".to_owned())?;
    let descr = value_of(&text, "descr").ok_or("the header has no `descr`")?;
    let (kind, width, big_endian) = dtype(descr.trim_matches(['\'', '"'])).map_err(|what| format!("{HOLDS}{what}"))?;
    let fortran_order = match value_of(&text, "fortran_order") {
        Some("True") => true,
        Some("False") => false,
        other => return Err(format!("fortran_order is {other:?}, expected True or False")),
    };
    let shape = value_of(&text, "shape").ok_or("the header has no `shape`")?;
    let inner = shape
        .strip_prefix('(')
        .and_then(|shape| shape.strip_suffix(')'))
        .ok_or_else(|| format!("shape is {shape}, expected a tuple"))?;
    let shape = inner
        .split(',')
        .map(|size| size.trim().trim_end_matches('L'))
        .filter(|size| !size.is_empty())
        .map(|size| {
            size.parse::<usize>()
                .map_err(|_| format!("{size} is no size of a dimension"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let header = Header {
        kind,
        width,
        big_endian,
        fortran_order,
        shape,
    };
    header
        .len()
        .and_then(|n| n.checked_mul(width))
        .ok_or_else(|| format!("the shape {:?} is larger than memory", header.shape))?;
    Ok(header)
}

/// The text after `'key':` up to the comma that ends it (a tuple keeps its commas).
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let at = [format!("'{key}'"), format!("\"{key}\"")]
        .iter()
        .find_map(|key| Some(text.find(key.as_str())? + key.len()))?;
    let rest = text[at..].trim_start().strip_prefix(':')?.trim_start();
    let end = if rest.starts_with('(') {
        rest.find(')')? + 1
    } else {
        rest.find([',', '}'])?
    };
    Some(rest[..end].trim())
}

fn dtype(descr: &str) -> Result<(Kind, usize, bool), String> {
    let unknown = || format!("values of type {descr:?}, which are not read: expected numbers or strings");
    if descr.starts_with('[') {
        return Err(
            "structs (a structured dtype), which are not read: save every field as an array of its own".to_owned(),
        );
    }
    let (order, rest) = match descr.chars().next() {
        Some(order @ ('<' | '>' | '|' | '=')) => (order, &descr[1..]),
        Some(_) => ('<', descr),
        None => return Err(unknown()),
    };
    let kind = rest.chars().next().ok_or_else(unknown)?;
    if kind == 'O' {
        // Unpickling runs whatever code the file holds.
        // The advice comes early, as what stands in a list of rejects is cut.
        return Err(
            "Python objects: save them as np.array(values, dtype=str) or dtype=float; objects are never unpickled"
                .to_owned(),
        );
    }
    let size: usize = rest[kind.len_utf8()..].parse().map_err(|_| unknown())?;
    let (kind, width) = match (kind, size) {
        ('b' | '?', 1) => (Kind::Bool, 1),
        ('i', 1 | 2 | 4 | 8) => (Kind::Int, size),
        ('u', 1 | 2 | 4 | 8) => (Kind::Uint, size),
        ('f', 2 | 4 | 8) => (Kind::Float, size),
        ('S' | 'a', 1..=1024) => (Kind::Bytes, size),
        ('U', 1..=1024) => (Kind::Text, size * 4),
        _ => return Err(unknown()),
    };
    Ok((kind, width, order == '>'))
}

/// One value as a number, or as the text that it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A floating-point number.
    Number(f64),
    /// A whole number. Names of samples and persons may be numbers that a float would round to those of others.
    Whole(i128),
    /// A string, without trailing NULs and spaces.
    Text(String),
}

impl Value {
    /// The value as label files write it: integers without a point.
    pub fn to_text(&self) -> String {
        match self {
            Self::Number(value) => value.to_string(),
            Self::Whole(value) => value.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

fn value(header: &Header, bytes: &[u8]) -> Result<Value, String> {
    let mut low = [0_u8; 8];
    let width = header.width;
    if matches!(header.kind, Kind::Bool | Kind::Int | Kind::Uint | Kind::Float) {
        for (i, byte) in bytes.iter().take(8).enumerate() {
            low[if header.big_endian { width - 1 - i } else { i }] = *byte;
        }
    }
    let unsigned = u64::from_le_bytes(low);
    Ok(match header.kind {
        Kind::Bool => Value::Whole(i128::from(low[0] != 0)),
        Kind::Uint => Value::Whole(i128::from(unsigned)),
        Kind::Int => {
            // Shifting up and back extends the sign.
            let shift = 64 - 8 * width as u32;
            Value::Whole(i128::from(((unsigned << shift) as i64) >> shift))
        }
        Kind::Float => Value::Number(match width {
            2 => half::f16::from_bits(unsigned as u16).to_f64(),
            4 => f64::from(f32::from_bits(unsigned as u32)),
            _ => f64::from_bits(unsigned),
        }),
        Kind::Bytes => Value::Text(
            std::str::from_utf8(bytes)
                .map_err(|_| "the string is not UTF-8".to_owned())?
                .trim_end_matches(['\0', ' '])
                .to_owned(),
        ),
        Kind::Text => {
            let mut text = String::new();
            for unit in bytes.chunks_exact(4) {
                let unit = [unit[0], unit[1], unit[2], unit[3]];
                let code = if header.big_endian {
                    u32::from_be_bytes(unit)
                } else {
                    u32::from_le_bytes(unit)
                };
                text.push(char::from_u32(code).ok_or_else(|| "the string is not Unicode".to_owned())?);
            }
            Value::Text(text.trim_end_matches(['\0', ' ']).to_owned())
        }
    })
}

/// A string with a mark in place of what is no text.
fn shown(header: &Header, bytes: &[u8]) -> String {
    let text = if header.kind == Kind::Text {
        let units = bytes.as_chunks::<4>().0.iter().map(|unit| {
            let code = if header.big_endian {
                u32::from_be_bytes(*unit)
            } else {
                u32::from_le_bytes(*unit)
            };
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        });
        units.collect()
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    };
    text.trim_end_matches(['\0', ' ']).to_owned()
}

/// The only value of an array of no dimension or of one element.
///
/// # Errors
/// What is wrong with it.
pub fn scalar(input: &mut impl Read) -> Result<Value, String> {
    let header = read_header(input)?;
    if header.len() != Some(1) {
        return Err(format!(
            "expected one value, found an array of shape {:?}",
            header.shape
        ));
    }
    let mut bytes = vec![0; header.width];
    input
        .read_exact(&mut bytes)
        .map_err(|_| "the file ends within the value".to_owned())?;
    value(&header, &bytes)
}

/// Most values of one row: eight times the patch tokens of the largest published image encoder.
const MOST_COLUMNS: usize = 1 << 22;
/// Most values of an array in Fortran order, which must be held in memory to be turned: 1 GiB of f32.
const MOST_TURNED: usize = 1 << 28;
/// Values decoded at a time.
const CHUNK: usize = 1 << 14;

impl Header {
    /// Rows, and values a row: `[n]` is n × 1, `[n, a, b]` is n × ab.
    pub fn rows_and_columns(&self) -> (usize, usize) {
        let rows = self.shape.first().copied().unwrap_or(1);
        let columns = self
            .shape
            .iter()
            .skip(1)
            .fold(1_usize, |n, size| n.saturating_mul(*size));
        (rows, columns)
    }

    /// Whether the values are numbers.
    pub fn is_numeric(&self) -> bool {
        !matches!(self.kind, Kind::Bytes | Kind::Text)
    }
}

/// Hands on an array of numbers of any type row by row, as f32; the reader stands at the first value.
///
/// Memory is bounded by one row, whatever the header claims; only arrays in Fortran order are held as a whole.
///
/// # Errors
/// What is wrong with the array: its type, its shape, or a file that is shorter than the header says; whatever `each` returns.
pub fn rows(
    input: &mut impl Read,
    header: &Header,
    mut each: impl FnMut(&[f32]) -> Result<(), String>,
) -> Result<(), String> {
    if !header.is_numeric() {
        return Err("expected numbers, found strings".into());
    }
    let (rows, columns) = header.rows_and_columns();
    if columns > MOST_COLUMNS {
        return Err(format!(
            "the shape {:?} has {columns} values a row, the limit is {MOST_COLUMNS}",
            header.shape
        ));
    }
    if columns == 0 {
        return Err(format!("the shape {:?} holds no values", header.shape));
    }
    let mut values = Decoder::new(header);
    if header.fortran_order && columns > 1 {
        if header.shape.len() > 2 || rows.saturating_mul(columns) > MOST_TURNED {
            return Err(format!(
                "an array of shape {:?} in Fortran order is not read: write np.ascontiguousarray(array)",
                header.shape
            ));
        }
        let mut all = Vec::new();
        values.read(input, rows * columns, &mut all)?;
        let mut row = vec![0.0; columns];
        for i in 0..rows {
            for (j, value) in row.iter_mut().enumerate() {
                *value = all[j * rows + i];
            }
            each(&row)?;
        }
        return Ok(());
    }
    let mut row = Vec::new();
    for i in 0..rows {
        row.clear();
        values
            .read(input, columns, &mut row)
            .map_err(|error| format!("row {i} of {rows}: {error}"))?;
        each(&row)?;
    }
    Ok(())
}

/// Numbers from bytes, a chunk at a time, so that memory follows what is there.
struct Decoder<'a> {
    header: &'a Header,
    buffer: Vec<u8>,
}

impl<'a> Decoder<'a> {
    fn new(header: &'a Header) -> Self {
        Self {
            header,
            buffer: vec![0; header.width * CHUNK],
        }
    }

    /// Appends `count` values to `out`.
    fn read(&mut self, input: &mut impl Read, count: usize, out: &mut Vec<f32>) -> Result<(), String> {
        let mut left = count;
        while left > 0 {
            let now = left.min(CHUNK);
            let bytes = &mut self.buffer[..now * self.header.width];
            input
                .read_exact(bytes)
                .map_err(|error| format!("the header promises more values than can be read ({error})"))?;
            if self.header.kind == Kind::Float && self.header.width == 4 && !self.header.big_endian {
                // The usual case, and the only one that is fast enough for millions of rows.
                let words = bytes.as_chunks::<4>().0;
                out.extend(words.iter().map(|word| f32::from_le_bytes(*word)));
            } else {
                for bytes in bytes.chunks_exact(self.header.width) {
                    match value(self.header, bytes)? {
                        Value::Number(number) => out.push(number as f32),
                        Value::Whole(number) => out.push(number as f32),
                        Value::Text(_) => return Err("expected numbers, found strings".into()),
                    }
                }
            }
            left -= now;
        }
        Ok(())
    }
}

/// The values of an array with one value a row (`[n]` or `[n, 1]`), numbers or strings; of a string that is no text, what
/// can be shown of it.
///
/// Memory follows what is there, not what the header claims.
///
/// # Errors
/// What is wrong with the array, or that it has not one value a row.
pub fn column(input: &mut impl Read, header: &Header) -> Result<Vec<Result<Value, String>>, String> {
    let (rows, columns) = header.rows_and_columns();
    if columns != 1 || header.shape.is_empty() {
        return Err(format!("expected one value a row, found the shape {:?}", header.shape));
    }
    let mut bytes = vec![0; header.width];
    let mut values = Vec::new();
    for row in 0..rows {
        input.read_exact(&mut bytes).map_err(|error| {
            format!("row {row} of {rows}: the header promises more values than can be read ({error})")
        })?;
        values.push(value(header, &bytes).map_err(|_| shown(header, &bytes)));
    }
    Ok(values)
}

/// An array of version 1.0 from its description, shape and bytes, as `NumPy` writes it.
pub(crate) fn encode(descr: &str, shape: &str, fortran: bool, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) use super::encode;

    #[test]
    fn scalars_of_every_type() {
        let text = |s: &str| s.chars().flat_map(|c| (c as u32).to_le_bytes()).collect::<Vec<u8>>();
        let cases: Vec<(&str, Vec<u8>, &str)> = vec![
            ("<i8", 3_i64.to_le_bytes().to_vec(), "3"),
            (">i8", (-3_i64).to_be_bytes().to_vec(), "-3"),
            ("<i4", (-7_i32).to_le_bytes().to_vec(), "-7"),
            (">i2", 258_i16.to_be_bytes().to_vec(), "258"),
            ("|i1", vec![0xFE], "-2"),
            ("|u1", vec![254], "254"),
            ("<u2", 65_535_u16.to_le_bytes().to_vec(), "65535"),
            ("<u4", 7_u32.to_le_bytes().to_vec(), "7"),
            ("<u8", 7_u64.to_le_bytes().to_vec(), "7"),
            ("<u8", u64::MAX.to_le_bytes().to_vec(), "18446744073709551615"),
            (">i8", i64::MIN.to_be_bytes().to_vec(), "-9223372036854775808"),
            (
                "<i8",
                9_007_199_254_740_993_i64.to_le_bytes().to_vec(),
                "9007199254740993",
            ),
            ("|b1", vec![1], "1"),
            ("<f2", half::f16::from_f32(0.5).to_le_bytes().to_vec(), "0.5"),
            ("<f4", (-0.25_f32).to_le_bytes().to_vec(), "-0.25"),
            ("<f8", 0.125_f64.to_le_bytes().to_vec(), "0.125"),
            (">f8", 0.125_f64.to_be_bytes().to_vec(), "0.125"),
            ("|S5", b"0.5\0\0".to_vec(), "0.5"),
            ("<U4", text("-0.5"), "-0.5"),
            ("<U5", text("-0.5\0"), "-0.5"),
        ];
        for (descr, data, expected) in cases {
            for shape in ["()", "(1,)", "(1, 1)"] {
                let bytes = encode(descr, shape, false, &data);
                assert_eq!(
                    scalar(&mut bytes.as_slice()).unwrap().to_text(),
                    expected,
                    "{descr} {shape}"
                );
            }
        }
    }

    #[test]
    fn matrices_in_both_orders() {
        let data: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let bytes = encode("<f4", "(2, 3)", false, &data);
        assert_eq!(
            all(&bytes).unwrap(),
            [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].map(|row| row.to_vec())
        );
        let bytes = encode("<f4", "(2, 3)", true, &data);
        assert_eq!(
            all(&bytes).unwrap(),
            [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]].map(|row| row.to_vec())
        );
    }

    /// All rows of a file.
    fn all(mut bytes: &[u8]) -> Result<Vec<Vec<f32>>, String> {
        let header = read_header(&mut bytes)?;
        let mut found = Vec::new();
        rows(&mut bytes, &header, |row| {
            found.push(row.to_vec());
            // A lie about the number of rows must not fill the memory of the test either.
            if found.len() < 1000 {
                Ok(())
            } else {
                Err("enough".into())
            }
        })?;
        Ok(found)
    }

    #[test]
    fn columns_of_labels() {
        let bytes = encode("<i2", "(3,)", false, &[1, 0, 2, 0, 3, 0]);
        let mut input = bytes.as_slice();
        let header = read_header(&mut input).unwrap();
        let texts: Vec<String> = column(&mut input, &header)
            .unwrap()
            .iter()
            .map(|value| value.as_ref().unwrap().to_text())
            .collect();
        assert_eq!(texts, ["1", "2", "3"]);
        let bytes = encode("|S2", "(3,)", false, b"ok\xe9\0no");
        let mut input = bytes.as_slice();
        let header = read_header(&mut input).unwrap();
        let values = column(&mut input, &header).unwrap();
        assert_eq!(values[1], Err("\u{fffd}".into()));
        assert_eq!(values[2], Ok(Value::Text("no".into())));
        let bytes = encode("<i2", "(3000000000,)", false, &[1, 0]);
        let mut input = bytes.as_slice();
        let header = read_header(&mut input).unwrap();
        assert!(column(&mut input, &header).unwrap_err().contains("row 1 of 3000000000"));
    }

    #[test]
    fn lies_are_refused() {
        for (bytes, part) in [
            (encode("<f4", "(10, 100000000)", false, &[]), "limit"),
            (
                encode("<f4", "(18446744073709551615, 9)", false, &[]),
                "larger than memory",
            ),
            (
                encode("<f4", "(30,)", false, &[0; 8]),
                "row 2 of 30: the header promises more",
            ),
            (encode("<f4", "(30000, 30000)", true, &[0; 8]), "ascontiguousarray"),
            (encode("<f4", "(30, 0)", false, &[0; 8]), "no values"),
            (encode("|O", "(1,)", false, &[0; 8]), "the array holds Python objects"),
            (encode("[('a', '<f4')]", "(1,)", false, &[0; 8]), "holds structs"),
            (encode("<c8", "(1,)", false, &[0; 8]), "not read"),
            (encode("<f4", "(-1,)", false, &[0; 8]), "no size"),
            (b"PK\x03\x04 and more".to_vec(), "not a .npy"),
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), "claims"),
            (Vec::new(), "ends within"),
        ] {
            let error = all(&bytes).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert!(scalar(&mut encode("<f4", "(2,)", false, &[0; 8]).as_slice()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, header in "[ -~]{0,90}") {
            let _ = scalar(&mut bytes.as_slice());
            let mut made = b"\x93NUMPY\x01\x00".to_vec();
            made.extend((header.len() as u16).to_le_bytes());
            made.extend(header.as_bytes());
            made.extend(&bytes);
            let _ = scalar(&mut made.as_slice());
            let _ = all(&made);
        }
    }
}
