//! Lists of attributes: a CSV or TSV file, a line a sample, image or person.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use crate::error::{Error, Result};
use crate::intake::{fields, text};

use super::attributes::AttributesConfig;

/// A line of a list: its number, and the value of each attribute, where it is known.
pub type Line = (u32, Vec<Option<String>>);

/// What a list says of each key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributeList {
    /// Names of the attributes, in the order of the list.
    pub names: Vec<String>,
    /// By key.
    pub rows: BTreeMap<String, Line>,
}

/// What the first line says: the separator, the number of fields, and where key and attributes stand.
struct Header {
    separator: char,
    fields: usize,
    key: usize,
    wanted: Vec<usize>,
}

impl AttributeList {
    /// Reads the list at `path`, whose first line names the columns.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Data`] with file and line if a column is missing or named twice, a line has not
    /// the fields of the first, or a key stands twice with different values.
    pub fn read(path: &Path, config: &AttributesConfig) -> Result<Self> {
        let name = path.display().to_string();
        let mut header: Option<Header> = None;
        let mut said: Option<char> = None;
        let mut list = Self::default();
        text::each_line(path, &name, |line, text| {
            let wrong = |what: String| Error::unusable_table(format!("{name}:{line}: {what}"));
            let text = text.map_err(|reason| wrong(reason.to_string()))?;
            let Some(header) = &header else {
                if line == 1
                    && let Some(separator) = fields::said_separator(text)
                {
                    said = Some(separator);
                    return Ok(());
                }
                let (found, names) = Header::of(text, said, config).map_err(wrong)?;
                list.names = names;
                header = Some(found);
                return Ok(());
            };
            let found = fields::fields(text, header.separator)
                .ok_or_else(|| wrong("a quote is left open; fields that hold line breaks are not read".to_owned()))?;
            if found.len() != header.fields {
                return Err(wrong(format!(
                    "{} fields as in the first line, found {}",
                    header.fields,
                    found.len()
                )));
            }
            let value = |at: usize| -> Option<String> {
                let text = found[at].trim();
                (!text.is_empty()).then(|| text.to_owned())
            };
            let key = value(header.key).ok_or_else(|| wrong(format!("`{}` is empty", config.key_column())))?;
            let values: Vec<Option<String>> = header.wanted.iter().map(|&at| value(at)).collect();
            match list.rows.entry(key) {
                Entry::Vacant(free) => {
                    free.insert((line, values));
                    Ok(())
                }
                Entry::Occupied(there) if there.get().1 == values => Ok(()),
                Entry::Occupied(there) => Err(wrong(format!(
                    "`{}` stands in line {} too, with other values; remove the one that is not meant",
                    there.key(),
                    there.get().0
                ))),
            }
        })?;
        if header.is_none() {
            return Err(Error::unusable_table(format!(
                "{name}: the file is empty; expected a line with the names of the columns, `{}` among them",
                config.key_column()
            )));
        }
        Ok(list)
    }
}

impl Header {
    /// The header in a first line, and the names of the attributes.
    fn of(text: &str, said: Option<char>, config: &AttributesConfig) -> Result<(Self, Vec<String>), String> {
        let key_column = config.key_column();
        let split = |separator: char| -> Option<Vec<String>> {
            let found = fields::fields(text, separator)?;
            Some(found.iter().map(|field| fields::clean_name(field)).collect())
        };
        let separator = said.unwrap_or_else(|| {
            let count = |separator: char| split(separator).map_or(0, |names| names.len());
            let usual = [',', ';', '\t'].into_iter();
            usual
                .max_by_key(|&separator| (count(separator), separator == ','))
                .unwrap_or(',')
        });
        let names = split(separator).ok_or("a quote is left open in the names of the columns")?;
        let place = |wanted: &str| -> Result<usize, String> {
            let mut places = names
                .iter()
                .enumerate()
                .filter(|(_, name)| *name == wanted)
                .map(|(at, _)| at);
            match (places.next(), places.next()) {
                (Some(at), None) => Ok(at),
                (Some(_), Some(_)) => Err(format!("two columns are called `{wanted}`; rename one of them")),
                (None, _) => Err(format!("no column `{wanted}`; there are {}", names.join(", "))),
            }
        };
        let key = place(key_column)?;
        let attributes: Vec<String> = if config.columns.is_empty() {
            let others = names.iter().filter(|name| *name != key_column && !name.is_empty());
            others.cloned().collect()
        } else {
            config.columns.clone()
        };
        if attributes.is_empty() {
            return Err(format!("no attributes beside the key `{key_column}`"));
        }
        let wanted = attributes.iter().map(|name| place(name)).collect::<Result<_, _>>()?;
        let fields = names.len();
        Ok((
            Self {
                separator,
                fields,
                key,
                wanted,
            },
            attributes,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, config: &AttributesConfig) -> Result<AttributeList, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("who.csv");
        std::fs::write(&path, text).unwrap();
        let told = |error: Error| error.to_string().replace(&format!("{}/", folder.path().display()), "");
        AttributeList::read(&path, config).map_err(told)
    }

    #[test]
    fn a_list_is_read_by_its_first_line() {
        let list = read(
            "age;subject;\"skin\"\nyoung;P1;light\n;P2; dark \nyoung;P1;light\n",
            &AttributesConfig {
                key_column: "subject".to_owned(),
                ..AttributesConfig::default()
            },
        )
        .unwrap();
        assert_eq!(list.names, ["age", "skin"]);
        let values = |key: &str| list.rows[key].1.clone();
        assert_eq!(values("P1"), [Some("young".to_owned()), Some("light".to_owned())]);
        assert_eq!(values("P2"), [None, Some("dark".to_owned())]);
        assert_eq!(list.rows.len(), 2);
    }

    #[test]
    fn mistakes_name_the_line() {
        let config = AttributesConfig::default();
        let errors: Vec<String> = [
            "",
            "name,age\na,1\n",
            "sample_id\na\n",
            "sample_id,age,age\na,1,2\n",
            "sample_id,age\na\n",
            "sample_id,age\na,1\na,2\n",
            "sample_id,age\n,1\n",
            "sample_id,age\n\"a,1\n",
        ]
        .iter()
        .map(|text| read(text, &config).unwrap_err())
        .collect();
        insta::assert_snapshot!(errors.join("\n"), @"
        who.csv: the file is empty; expected a line with the names of the columns, `sample_id` among them
        who.csv:1: no column `sample_id`; there are name, age
        who.csv:1: no attributes beside the key `sample_id`
        who.csv:1: two columns are called `age`; rename one of them
        who.csv:2: 2 fields as in the first line, found 1
        who.csv:3: `a` stands in line 2 too, with other values; remove the one that is not meant
        who.csv:2: `sample_id` is empty
        who.csv:2: a quote is left open; fields that hold line breaks are not read
        ");
    }
}
