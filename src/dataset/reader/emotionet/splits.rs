//! The splits of `EmotioNet`, from lists or from the images' names.

use std::collections::HashMap;

use crate::dataset::source::Source;
use crate::dataset::split;
use crate::error::{Context, Error, Result};
use crate::intake::line_ends::lines_of;
use crate::intake::paths;
use crate::task::Split;

/// How a row gets its split.
pub(crate) enum Splits {
    /// By the file that the recipe names.
    Listed(HashMap<String, Split>),
    /// By the name of the label file, otherwise by hash.
    Named,
}

impl Splits {
    pub(crate) fn of(source: &Source<'_>) -> Result<Self> {
        let Some(list) = &source.options.split_list else {
            return Ok(Self::Named);
        };
        let text = std::fs::read_to_string(list).at("read the split list", list)?;
        let mut splits: HashMap<String, Split> = HashMap::new();
        for (i, line) in lines_of(&text).enumerate() {
            let fields: Vec<&str> = line
                .split(|c: char| c == ',' || c == ';' || c.is_whitespace())
                .filter(|field| !field.is_empty())
                .collect();
            match fields[..] {
                [] => {}
                [name, split] => match (split::split_of_value(split), file_key(name)) {
                    (Some(split), Some(key)) => {
                        let earlier = splits.insert(paths::stem(&key).to_owned(), split);
                        if let Some(earlier) = earlier.filter(|earlier| *earlier != split) {
                            return Err(Error::unusable_table(format!(
                                "{}:{}: {key} is in `{split}` here and in `{earlier}` above",
                                list.display(),
                                i + 1
                            )));
                        }
                    }
                    // A header names neither an image nor a split.
                    (_, None) if i == 0 => {}
                    _ => {
                        return Err(Error::unusable_table(format!(
                            "{}:{}: expected an image name and train, val or test, found `{line}`",
                            list.display(),
                            i + 1
                        )));
                    }
                },
                _ => {
                    return Err(Error::unusable_table(format!(
                        "{}:{}: expected an image name and a split, found `{line}`",
                        list.display(),
                        i + 1
                    )));
                }
            }
        }
        Ok(Self::Listed(splits))
    }
}

/// The file name at the end of a URL, path or name: `N_0000000123_00045.jpg`.
pub(crate) fn file_key(text: &str) -> Option<String> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\'' || c == '"');
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let name = text.rsplit(['/', '\\']).next().unwrap_or_default();
    if name.is_empty() || name == "." || name == ".." || name.contains('\0') {
        return None;
    }
    if paths::is_image(name) {
        return Some(name.to_owned());
    }
    // `N_0000000123_00045` without extension.
    let mut parts = name.split('_');
    let digits = |part: Option<&str>, n: usize| {
        part.is_some_and(|part| part.len() == n && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let fits =
        parts.next() == Some("N") && digits(parts.next(), 10) && digits(parts.next(), 5) && parts.next().is_none();
    fits.then(|| format!("{name}.jpg"))
}
