//! Rows of an `.xlsx` workbook, read in a stream with bounds, so that a file that lies about its size exhausts nothing.
//!
//! A workbook is a ZIP archive of XML (ECMA-376): `xl/workbook.xml` names the sheets, `xl/_rels/workbook.xml.rels` says where
//! they are, `xl/sharedStrings.xml` holds texts. Formulas, styles and dates are of no interest here.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::error::{Context, Error, Result};
use crate::regular;

/// Most bytes that one part of the archive may unpack to.
const LONGEST_PART: u64 = 256 << 20;
/// Most bytes of text shared by the cells.
const MOST_TEXT: usize = 64 << 20;
/// Most columns that are looked at.
const MOST_COLUMNS: usize = 1024;
/// Most bytes of the parts that name the sheets.
const LONGEST_INDEX: u64 = 1 << 20;
/// Most sheets that are read.
const MOST_SHEETS: usize = 256;
/// Longest text of a cell: what spreadsheets allow, in bytes.
const LONGEST_CELL: usize = 4 * 32_767;

/// A part of the archive that may not unpack to more than `left` bytes: more is an error, not an end.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            std::io::Error::other("it unpacks to more than a label file can have; save the labels as CSV")
        })?;
        Ok(read)
    }
}

fn part<'a>(
    archive: &'a mut zip::ZipArchive<BufReader<File>>,
    name: &str,
    path: &Path,
    limit: u64,
) -> Result<impl Read + use<'a>> {
    let inner = archive
        .by_name(name)
        .map_err(|error| Error::unusable_table(format!("{}: {name}: {error}", path.display())))?;
    Ok(Bounded { inner, left: limit })
}

fn xml(error: impl std::fmt::Display, path: &Path, name: &str) -> Error {
    Error::unusable_table(format!("{}: {name} cannot be read: {error}", path.display()))
}

/// The value of an attribute, unescaped.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    tag.attributes().flatten().find_map(|attribute| {
        let key = attribute.key.as_ref();
        // Relationship ids carry a name space: `r:id`.
        let local = key.rsplit(|&byte| byte == b':').next()?;
        (key == name.as_bytes() || (name.contains(':') && local == name.rsplit(':').next()?.as_bytes()))
            .then(|| attribute.unescape_value().ok().map(std::borrow::Cow::into_owned))?
    })
}

/// Name and archive path of every sheet, in order.
fn sheets(archive: &mut zip::ZipArchive<BufReader<File>>, path: &Path) -> Result<Vec<(String, String)>> {
    let mut targets = BTreeMap::new();
    let name = "xl/_rels/workbook.xml.rels";
    let mut reader = Reader::from_reader(BufReader::new(part(archive, name, path, LONGEST_INDEX)?));
    let mut buffer = Vec::new();
    loop {
        match reader
            .read_event_into(&mut buffer)
            .map_err(|error| xml(error, path, name))?
        {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == b"Relationship" => {
                if let (Some(id), Some(target)) = (attribute(&tag, "Id"), attribute(&tag, "Target")) {
                    let target = target.trim_start_matches('/');
                    let target = if target.starts_with("xl/") {
                        target.to_owned()
                    } else {
                        format!("xl/{target}")
                    };
                    targets.insert(id, target);
                }
            }
            _ => {}
        }
        buffer.clear();
    }
    drop(reader);
    let mut found = Vec::new();
    let name = "xl/workbook.xml";
    let mut reader = Reader::from_reader(BufReader::new(part(archive, name, path, LONGEST_INDEX)?));
    loop {
        match reader
            .read_event_into(&mut buffer)
            .map_err(|error| xml(error, path, name))?
        {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == b"sheet" => {
                let title = attribute(&tag, "name").unwrap_or_default();
                if let Some(target) = attribute(&tag, "r:id").and_then(|id| targets.get(&id).cloned()) {
                    if found.len() == MOST_SHEETS {
                        return Err(Error::unusable_table(format!(
                            "{}: more than {MOST_SHEETS} sheets",
                            path.display()
                        )));
                    }
                    found.push((title, target));
                }
            }
            _ => {}
        }
        buffer.clear();
    }
    Ok(found)
}

/// Reads text until the end of the current element, joining all runs of text within (but not phonetic ones).
fn inner_text<R: std::io::BufRead>(reader: &mut Reader<R>, end: &[u8]) -> std::result::Result<String, String> {
    let mut text = String::new();
    let mut buffer = Vec::new();
    let mut phonetic = 0_u32;
    loop {
        match reader.read_event_into(&mut buffer).map_err(|error| error.to_string())? {
            Event::Start(tag) if tag.local_name().as_ref() == b"rPh" => phonetic += 1,
            Event::End(tag) if tag.local_name().as_ref() == b"rPh" => phonetic = phonetic.saturating_sub(1),
            Event::End(tag) if tag.local_name().as_ref() == end => return Ok(text),
            Event::Text(run) if phonetic == 0 => text.push_str(&run.decode().map_err(|error| error.to_string())?),
            Event::CData(run) if phonetic == 0 => text.push_str(&run.decode().map_err(|error| error.to_string())?),
            Event::GeneralRef(reference) if phonetic == 0 => {
                let name = reference.decode().map_err(|error| error.to_string())?;
                match reference.resolve_char_ref() {
                    Ok(Some(character)) => text.push(character),
                    _ => text.push_str(quick_xml::escape::resolve_predefined_entity(&name).unwrap_or_default()),
                }
            }
            Event::Eof => return Err("the part ends within a text".into()),
            _ => {}
        }
        if text.len() > MOST_TEXT {
            return Err(format!("more than {MOST_TEXT} bytes of text"));
        }
        buffer.clear();
    }
}

fn shared_strings(archive: &mut zip::ZipArchive<BufReader<File>>, path: &Path) -> Result<Vec<String>> {
    let name = "xl/sharedStrings.xml";
    if archive.index_for_name(name).is_none() {
        return Ok(Vec::new());
    }
    let mut reader = Reader::from_reader(BufReader::new(part(archive, name, path, LONGEST_PART)?));
    let mut buffer = Vec::new();
    let mut strings = Vec::new();
    let mut bytes = 0;
    loop {
        let event = reader
            .read_event_into(&mut buffer)
            .map_err(|error| xml(error, path, name))?;
        let empty = matches!(event, Event::Empty(_));
        match event {
            Event::Eof => return Ok(strings),
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == b"si" => {
                let text = if empty {
                    String::new()
                } else {
                    inner_text(&mut reader, b"si").map_err(|error| xml(error, path, name))?
                };
                bytes += text.len() + size_of::<String>();
                if bytes > MOST_TEXT {
                    return Err(Error::unusable_table(format!(
                        "{}: {name} unpacks to more than {MOST_TEXT} bytes of text; this is no label file",
                        path.display()
                    )));
                }
                strings.push(text);
            }
            _ => {}
        }
        buffer.clear();
    }
}

/// Zero-based column of a cell reference: `C12` → 2.
fn column_of(reference: &str) -> Option<usize> {
    let letters: &str = reference.split(|c: char| c.is_ascii_digit()).next()?;
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    letters
        .bytes()
        .try_fold(0_usize, |column, byte| {
            byte.is_ascii_alphabetic()
                .then(|| column * 26 + usize::from(byte.to_ascii_uppercase() - b'A') + 1)
        })
        .map(|column| column - 1)
}

/// Calls `each` with sheet name, 1-based row number and the texts of the row's cells (`None` where a cell is empty), for every
/// row of every sheet that is not empty.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Data`] if it is no workbook, or one beyond the bounds; whatever `each`
/// returns.
pub fn rows(path: &Path, mut each: impl FnMut(&str, u32, &[Option<String>]) -> Result<()>) -> Result<()> {
    let file = regular::open(path).at("read", path)?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file))
        .map_err(|error| Error::unusable_table(format!("{}: not an .xlsx workbook: {error}", path.display())))?;
    let strings = shared_strings(&mut archive, path)?;
    for (title, name) in sheets(&mut archive, path)? {
        let mut reader = Reader::from_reader(BufReader::new(part(&mut archive, &name, path, LONGEST_PART)?));
        let mut buffer = Vec::new();
        let mut row: Vec<Option<String>> = Vec::new();
        let (mut number, mut column) = (0_u32, 0_usize);
        // Type of the open cell.
        let mut kind = String::new();
        let mut within = false;
        loop {
            let event = reader
                .read_event_into(&mut buffer)
                .map_err(|error| xml(error, path, &name))?;
            match &event {
                Event::Eof if within => return Err(xml("it ends within the rows", path, &name)),
                Event::Eof => break,
                Event::Start(tag) if tag.local_name().as_ref() == b"sheetData" => within = true,
                Event::End(tag) if tag.local_name().as_ref() == b"sheetData" => within = false,
                Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == b"row" => {
                    row.clear();
                    column = 0;
                    number = attribute(tag, "r")
                        .and_then(|r| r.parse().ok())
                        .unwrap_or_else(|| number.saturating_add(1));
                }
                Event::End(tag) if tag.local_name().as_ref() == b"row" && row.iter().any(Option::is_some) => {
                    each(&title, number, &row)?;
                }
                Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == b"c" => {
                    column = attribute(tag, "r").and_then(|r| column_of(&r)).unwrap_or(column);
                    kind = attribute(tag, "t").unwrap_or_default();
                    // The next cell may leave its place out; it then follows this one.
                    column += 1;
                }
                Event::Start(tag) if matches!(tag.local_name().as_ref(), b"v" | b"is") => {
                    let end = tag.local_name().as_ref().to_vec();
                    let text = inner_text(&mut reader, &end).map_err(|error| xml(error, path, &name))?;
                    let text = if kind == "s" {
                        text.trim()
                            .parse()
                            .ok()
                            .and_then(|index: usize| strings.get(index).cloned())
                    } else {
                        Some(text)
                    };
                    if text.as_ref().is_some_and(|text| text.len() > LONGEST_CELL) {
                        return Err(Error::unusable_table(format!(
                            "{}: sheet {title}, row {number}: a cell of more than {LONGEST_CELL} bytes; this is no label file",
                            path.display()
                        )));
                    }
                    if let Some(text) = text.filter(|text| !text.is_empty())
                        && (1..=MOST_COLUMNS).contains(&column)
                    {
                        if row.len() < column {
                            row.resize(column, None);
                        }
                        row[column - 1] = Some(text);
                    }
                }
                _ => {}
            }
            buffer.clear();
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use super::*;

    /// A workbook of these sheets; texts that are numbers become numbers, other texts are shared or inline in turn.
    pub(crate) fn workbook(path: &Path, sheets: &[(&str, Vec<Vec<&str>>)]) {
        let mut archive = zip::ZipWriter::new(File::create(path).unwrap());
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        let mut shared: Vec<String> = Vec::new();
        let escape = |text: &str| quick_xml::escape::escape(text).into_owned();
        let (mut list, mut rels) = (String::new(), String::new());
        for (i, (title, rows)) in sheets.iter().enumerate() {
            let id = i + 1;
            list += &format!("<sheet name=\"{}\" sheetId=\"{id}\" r:id=\"rId{id}\"/>", escape(title));
            rels += &format!("<Relationship Id=\"rId{id}\" Target=\"worksheets/sheet{id}.xml\"/>");
            let mut data = String::new();
            for (r, row) in rows.iter().enumerate() {
                data += &format!("<row r=\"{}\">", r + 1);
                for (c, text) in row.iter().enumerate() {
                    if text.is_empty() {
                        continue;
                    }
                    let place = if c < 26 {
                        format!("{}{}", char::from(b'A' + c as u8), r + 1)
                    } else {
                        format!(
                            "{}{}{}",
                            char::from(b'A' + (c / 26 - 1) as u8),
                            char::from(b'A' + (c % 26) as u8),
                            r + 1
                        )
                    };
                    if text.parse::<f64>().is_ok() {
                        data += &format!("<c r=\"{place}\"><v>{text}</v></c>");
                    } else if (r + c) % 2 == 0 {
                        data += &format!("<c r=\"{place}\" t=\"s\"><v>{}</v></c>", shared.len());
                        shared.push((*text).to_owned());
                    } else {
                        data += &format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{}</t></is></c>", escape(text));
                    }
                }
                data += "</row>";
            }
            archive
                .start_file(format!("xl/worksheets/sheet{id}.xml"), options)
                .unwrap();
            // The dimension lies: it is not believed.
            write!(
                archive,
                "<worksheet><dimension ref=\"A1:XFD1048576\"/><sheetData>{data}</sheetData></worksheet>"
            )
            .unwrap();
        }
        archive.start_file("xl/workbook.xml", options).unwrap();
        write!(archive, "<workbook xmlns:r=\"x\"><sheets>{list}</sheets></workbook>").unwrap();
        archive.start_file("xl/_rels/workbook.xml.rels", options).unwrap();
        write!(archive, "<Relationships>{rels}</Relationships>").unwrap();
        archive.start_file("xl/sharedStrings.xml", options).unwrap();
        let strings: String = shared
            .iter()
            .map(|text| format!("<si><t>{}</t></si>", escape(text)))
            .collect();
        write!(archive, "<sst>{strings}</sst>").unwrap();
        archive.finish().unwrap();
    }

    #[test]
    fn sheets_cells_and_gaps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.xlsx");
        workbook(
            &path,
            &[
                (
                    "one & only",
                    vec![vec!["URL", "'AU 1'"], vec!["'http://x/?a=1&b=2'", "", "999"], vec![]],
                ),
                ("two", vec![vec!["1.5"]]),
            ],
        );
        let mut seen = Vec::new();
        rows(&path, |sheet, row, cells| {
            seen.push((sheet.to_owned(), row, cells.to_vec()));
            Ok(())
        })
        .unwrap();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            seen,
            [
                ("one & only".to_owned(), 1, vec![some("URL"), some("'AU 1'")]),
                (
                    "one & only".to_owned(),
                    2,
                    vec![some("'http://x/?a=1&b=2'"), None, some("999")]
                ),
                ("two".to_owned(), 1, vec![some("1.5")])
            ]
        );
    }

    #[test]
    fn what_is_no_workbook_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.xlsx");
        for bytes in [&b"no zip"[..], b"", b"PK\x03\x04"] {
            std::fs::write(&path, bytes).unwrap();
            let error = rows(&path, |_, _, _| Ok(())).unwrap_err().to_string();
            assert!(error.contains("not an .xlsx workbook"), "{error}");
        }
        let mut archive = zip::ZipWriter::new(File::create(&path).unwrap());
        archive
            .start_file("xl/other.xml", zip::write::SimpleFileOptions::default())
            .unwrap();
        archive.finish().unwrap();
        assert!(rows(&path, |_, _, _| Ok(())).is_err());
    }

    #[test]
    fn text_bombs_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.xlsx");
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        let mut archive = zip::ZipWriter::new(File::create(&path).unwrap());
        archive.start_file("xl/sharedStrings.xml", options).unwrap();
        archive.write_all(b"<sst><si><t>").unwrap();
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..(MOST_TEXT >> 20) + 2 {
            archive.write_all(&chunk).unwrap();
        }
        archive.finish().unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < 4 << 20);
        let error = rows(&path, |_, _, _| Ok(())).unwrap_err().to_string();
        assert!(error.contains("sharedStrings"), "{error}");
    }

    #[test]
    fn a_sheet_beyond_the_bound_is_an_error_and_no_end() {
        let mut input = Bounded {
            inner: &b"<row/><row/>"[..],
            left: 8,
        };
        let mut reader = Reader::from_reader(BufReader::with_capacity(4, &mut input));
        let mut buffer = Vec::new();
        let error = loop {
            match reader.read_event_into(&mut buffer) {
                Ok(Event::Eof) => panic!("the rest is lost"),
                Ok(_) => {}
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("unpacks to more"), "{error}");
    }

    #[test]
    fn references() {
        assert_eq!(column_of("A1"), Some(0));
        assert_eq!(column_of("AA10"), Some(26));
        assert_eq!(column_of("XFD1"), Some(16_383));
        assert_eq!(column_of("é1"), None);
        assert_eq!(column_of("12"), None);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]
        #[test]
        fn arbitrary_parts_never_panic(part in "[ -~]{0,60}", bytes: Vec<u8>) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.xlsx");
            let mut archive = zip::ZipWriter::new(File::create(&path).unwrap());
            for name in ["xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"] {
                archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
                write!(archive, "<sst><row><c r=\"{part}\" t=\"s\"><v>{part}</v><si><t>{part}").unwrap();
            }
            archive.start_file("xl/workbook.xml", zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(b"<sheet name='a' r:id='1'/>").unwrap();
            archive.start_file("xl/_rels/workbook.xml.rels", zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(b"<Relationship Id='1' Target='worksheets/sheet1.xml'/>").unwrap();
            archive.finish().unwrap();
            let _ = rows(&path, |_, _, _| Ok(()));
            std::fs::write(&path, &bytes).unwrap();
            let _ = rows(&path, |_, _, _| Ok(()));
        }
    }
}
