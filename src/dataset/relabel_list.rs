//! Lists of reviewed labels: a CSV or TSV file, a line a sample and output.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use crate::action_unit::ActionUnit;
use crate::error::{Error, Result};
use crate::intake::{fields, text};
use crate::spelling::class_key;

/// Columns of a list; others are not read.
const COLUMNS: [&str; 5] = ["sample_id", "output", "from", "decision", "to"];

/// What somebody who looked at a label decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The label is right.
    Keep,
    /// It becomes another.
    Change,
    /// It stays, for want of better knowledge.
    Unsure,
}

impl Decision {
    /// The word in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Change => "change",
            Self::Unsure => "unsure",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let key = class_key(text);
        [Self::Keep, Self::Change, Self::Unsure]
            .into_iter()
            .find(|decision| decision.as_str() == key)
    }
}

/// A line of a list, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// 1-based.
    pub line: u32,
    /// The sample.
    pub sample_id: String,
    /// `expression`, `valence`, `arousal`, or the column of an action unit.
    pub output: String,
    /// The label that was looked at; `None` if there was none.
    pub from: Option<String>,
    /// What was decided.
    pub decision: Decision,
    /// Of a change, the new label.
    pub to: Option<String>,
}

/// A list of reviewed labels, each sample and output once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelabelList {
    /// What messages call the file.
    pub name: String,
    /// In the order of the list.
    pub reviews: Vec<Review>,
}

/// Where the columns stand.
struct Header {
    separator: char,
    fields: usize,
    places: [usize; 5],
}

impl RelabelList {
    /// Reads the list at `path`, whose first line names the columns.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Data`] with file and line if a column is missing or named twice, a line has not
    /// the fields of the first, a field cannot be what it says, or a sample and output stand twice with different decisions.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let mut header: Option<Header> = None;
        let mut said: Option<char> = None;
        let mut reviews: Vec<Review> = Vec::new();
        let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
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
                header = Some(Header::of(text, said).map_err(wrong)?);
                return Ok(());
            };
            let review = header.review(text, line).map_err(wrong)?;
            match seen.entry((review.sample_id.clone(), review.output.clone())) {
                Entry::Vacant(free) => {
                    free.insert(reviews.len());
                    reviews.push(review);
                    Ok(())
                }
                Entry::Occupied(there) => {
                    let first = &reviews[*there.get()];
                    if (first.decision, &first.to, &first.from) == (review.decision, &review.to, &review.from) {
                        return Ok(());
                    }
                    Err(wrong(format!(
                        "the {} of `{}` is decided in line {} too, and otherwise; remove the one that is not meant",
                        review.output, review.sample_id, first.line
                    )))
                }
            }
        })?;
        if header.is_none() {
            return Err(Error::unusable_table(format!(
                "{name}: the file is empty; expected a first line with the columns {}",
                COLUMNS.join(",")
            )));
        }
        Ok(Self { name, reviews })
    }
}

impl Header {
    fn of(text: &str, said: Option<char>) -> Result<Self, String> {
        let (separator, names) =
            fields::header(text, said).ok_or("a quote is left open in the names of the columns")?;
        let mut places = [0; 5];
        for (place, wanted) in places.iter_mut().zip(COLUMNS) {
            let mut found = (0..names.len()).filter(|&at| names[at].eq_ignore_ascii_case(wanted));
            *place = match (found.next(), found.next()) {
                (Some(at), None) => at,
                (Some(_), Some(_)) => return Err(format!("two columns are called `{wanted}`; rename one of them")),
                (None, _) => {
                    return Err(format!(
                        "no column `{wanted}`; a list of reviewed labels has {}, and here are {}",
                        COLUMNS.join(","),
                        names.join(", ")
                    ));
                }
            };
        }
        Ok(Self {
            separator,
            fields: names.len(),
            places,
        })
    }

    fn review(&self, text: &str, line: u32) -> Result<Review, String> {
        let found = fields::fields(text, self.separator)
            .ok_or("a quote is left open; fields that hold line breaks are not read")?;
        if found.len() != self.fields {
            return Err(format!(
                "{} fields as in the first line, found {}",
                self.fields,
                found.len()
            ));
        }
        let [sample_id, output, from, decision, to] = self.places.map(|at| {
            let text = found[at].trim();
            (!text.is_empty()).then(|| text.to_owned())
        });
        let sample_id = sample_id.ok_or("`sample_id` is empty")?;
        let output = output.ok_or("`output` is empty")?;
        let output = column_of(&output).ok_or_else(|| {
            format!(
                "the output `{output}` is none: expected expression, valence, arousal or an action unit such as au12"
            )
        })?;
        let decision = decision.ok_or("`decision` is empty: expected keep, change or unsure")?;
        let decision = Decision::parse(&decision)
            .ok_or_else(|| format!("the decision `{decision}` is none: expected keep, change or unsure"))?;
        match (decision, &to) {
            (Decision::Change, None) => Err(format!(
                "the {output} of `{sample_id}` is to be changed, and `to` is empty: write the new label"
            )),
            (Decision::Keep | Decision::Unsure, Some(to)) => Err(format!(
                "`to` is `{to}`, and the decision is {}: a new label goes with `change`",
                decision.as_str()
            )),
            _ => Ok(Review {
                line,
                sample_id,
                output,
                from,
                decision,
                to,
            }),
        }
    }
}

/// The column of the samples table that an output is: an action unit may be written `AU12`.
fn column_of(output: &str) -> Option<String> {
    let key = class_key(output);
    if ["expression", "valence", "arousal"].contains(&key.as_str()) {
        return Some(key);
    }
    ActionUnit::named(output).map(ActionUnit::column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RelabelList, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reviewed.csv");
        std::fs::write(&path, text).unwrap();
        let told = |error: Error| error.to_string().replace(&format!("{}/", folder.path().display()), "");
        RelabelList::read(&path).map_err(told)
    }

    #[test]
    fn a_list_is_read_as_spreadsheets_write_it() {
        let list = read(
            "\u{feff}output;note;sample_id;from;to;Decision\r\nAU 12;x;a;0;1;change\r\nexpression;;b;\"very happy\";;KEEP\r\n\r\nau12;x;a;0;1;change\r\n\
             valence;;c;;;unsure\r\n",
        )
        .unwrap();
        let said: Vec<String> = list
            .reviews
            .iter()
            .map(|r| {
                let (from, to) = (r.from.as_deref().unwrap_or("-"), r.to.as_deref().unwrap_or("-"));
                format!(
                    "{} {} {} {from} {} {to}",
                    r.line,
                    r.sample_id,
                    r.output,
                    r.decision.as_str()
                )
            })
            .collect();
        assert_eq!(
            said,
            [
                "2 a au12 0 change 1",
                "3 b expression very happy keep -",
                "6 c valence - unsure -"
            ]
        );
    }

    #[test]
    fn mistakes_name_the_line() {
        let lines = [
            "a,expression,fear",
            ",expression,fear,keep,",
            "a,pain,1,keep,",
            "a,expression,fear,maybe,",
            "a,expression,fear,,",
            "a,expression,fear,change,",
            "a,expression,fear,keep,anger",
            "a,expression,fear,keep,\na,expression,fear,unsure,",
            "a,au12,0,change,1\na,AU12,0,change,0",
            "a,expression,\"fear,keep,",
        ];
        let header = "sample_id,output,from,decision,to";
        let mut texts: Vec<String> = lines.iter().map(|line| format!("{header}\n{line}\n")).collect();
        texts.splice(
            0..0,
            [
                "",
                "sample_id,output,from,to\n",
                "sample_id,output,from,decision,to,TO\n",
            ]
            .map(str::to_owned),
        );
        let errors: Vec<String> = texts.iter().map(|text| read(text).unwrap_err()).collect();
        insta::assert_snapshot!(errors.join("\n"), @"
        reviewed.csv: the file is empty; expected a first line with the columns sample_id,output,from,decision,to
        reviewed.csv:1: no column `decision`; a list of reviewed labels has sample_id,output,from,decision,to, and here are sample_id, output, from, to
        reviewed.csv:1: two columns are called `to`; rename one of them
        reviewed.csv:2: 5 fields as in the first line, found 3
        reviewed.csv:2: `sample_id` is empty
        reviewed.csv:2: the output `pain` is none: expected expression, valence, arousal or an action unit such as au12
        reviewed.csv:2: the decision `maybe` is none: expected keep, change or unsure
        reviewed.csv:2: `decision` is empty: expected keep, change or unsure
        reviewed.csv:2: the expression of `a` is to be changed, and `to` is empty: write the new label
        reviewed.csv:2: `to` is `anger`, and the decision is keep: a new label goes with `change`
        reviewed.csv:3: the expression of `a` is decided in line 2 too, and otherwise; remove the one that is not meant
        reviewed.csv:3: the au12 of `a` is decided in line 2 too, and otherwise; remove the one that is not meant
        reviewed.csv:2: a quote is left open; fields that hold line breaks are not read
        ");
    }
}
