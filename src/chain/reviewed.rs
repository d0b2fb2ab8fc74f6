//! A list of reviewed labels, held against what the database says.

use std::sync::Arc;

use crate::dataset::own_labels::{OwnLabel, OwnLabels};
use crate::dataset::relabel_list::{Decision, RelabelList, Review};
use crate::error::{Error, Result};
use crate::feature::relabel::{NewLabel, NewLabels};
use crate::feature::threshold::AuThreshold;
use crate::recipe::Recipe;
use crate::record::RelabelRow;
use crate::spelling::{class_key, find_class, integer};
use crate::task::Task;

/// The labels that a recipe changes, and the rows on them.
pub(crate) struct Relabel {
    /// The labels in force.
    pub(super) labels: Arc<NewLabels>,
    /// All that was reviewed; the split is filled in when it is known.
    pub(super) rows: Vec<RelabelRow>,
}

/// A reviewed label that the database has.
pub(super) struct Reviewed<'a> {
    /// What the list says.
    pub(super) review: &'a Review,
    /// Row in the samples table.
    pub(super) row: usize,
    /// The database's label, as lists write it.
    pub(super) from: Option<String>,
    /// Of a change, the new label as lists write it, and as the table does.
    pub(super) to: Option<(String, NewLabel)>,
}

/// Whether a task has labels of an output.
pub(super) fn is_of(task: Task, output: &str) -> bool {
    match task {
        Task::Expression => output == "expression",
        Task::ValenceArousal => matches!(output, "valence" | "arousal"),
        Task::ActionUnits => !matches!(output, "expression" | "valence" | "arousal"),
    }
}

/// Finds every line of the list in the database.
///
/// # Errors
/// [`Error::Data`] with file and line: a sample or an output that the database does not have, another label than the reviewer saw, or
/// a new one that cannot be.
pub(super) fn check<'a>(list: &'a RelabelList, own: &OwnLabels, recipe: &Recipe) -> Result<Vec<Reviewed<'a>>> {
    let checking = Checking {
        own,
        task: recipe.protocol.task,
        threshold: recipe.protocol.au_threshold.unwrap_or_default(),
        stand_in: recipe.stand_in.is_some(),
    };
    let reviews = list.reviews.iter().map(|review| {
        checking
            .one(review)
            .map_err(|what| Error::unusable_table(format!("{}:{}: {what}", list.name, review.line)))
    });
    reviews.collect()
}

/// The labels that are changed.
pub(super) fn new_labels(reviewed: &[Reviewed<'_>]) -> NewLabels {
    let mut labels = NewLabels::default();
    for found in reviewed {
        if let Some((_, label)) = &found.to {
            labels.put(&found.review.sample_id, &found.review.output, label.clone());
        }
    }
    labels
}

struct Checking<'a> {
    own: &'a OwnLabels,
    task: Task,
    threshold: AuThreshold,
    stand_in: bool,
}

impl Checking<'_> {
    fn one<'a>(&self, review: &'a Review) -> Result<Reviewed<'a>, String> {
        let Review { sample_id, output, .. } = review;
        let Some(&row) = self.own.rows.get(sample_id) else {
            let faces = if self.stand_in {
                "these faces are generated: name a list that was made of their report, or none"
            } else {
                "expected a `sample_id` of its samples table; was the list made of another database or release?"
            };
            return Err(format!("the database has no sample `{sample_id}`; {faces}"));
        };
        if !self.own.has(output) {
            return Err(format!("the database has no labels of `{output}`"));
        }
        let own = self.own.label(row, output);
        let from = own.map(|label| self.written(label));
        if !self.is_what_was_seen(own, review.from.as_deref())? {
            let seen = review
                .from
                .as_ref()
                .map_or_else(|| "no label".to_owned(), |seen| format!("`{seen}`"));
            let own = from.map_or_else(|| "none".to_owned(), |own| format!("`{own}`"));
            return Err(format!(
                "the reviewer of `{sample_id}` saw {seen} as its {output}, and the database says {own}: the list was made of other \
                 labels; review the sample again, or take the line out"
            ));
        }
        let to = match (&review.to, review.decision) {
            (Some(to), Decision::Change) => Some(self.changed(to, output)?),
            _ => None,
        };
        if let Some((to, _)) = &to
            && from.as_ref() == Some(to)
        {
            return Err(format!(
                "the {output} of `{sample_id}` is `{to}` already: write keep, or the label that it is to have"
            ));
        }
        Ok(Reviewed { review, row, from, to })
    }

    /// A label of the table as lists write it.
    fn written(&self, label: &OwnLabel) -> String {
        match label {
            OwnLabel::Class(name) => name.clone(),
            OwnLabel::Number(value) if self.task == Task::ActionUnits => {
                u8::from(self.threshold.active(*value)).to_string()
            }
            OwnLabel::Number(value) => value.to_string(),
        }
    }

    fn is_what_was_seen(&self, own: Option<&OwnLabel>, seen: Option<&str>) -> Result<bool, String> {
        let (own, seen) = match (own, seen) {
            (None, None) => return Ok(true),
            (Some(own), Some(seen)) => (own, seen),
            _ => return Ok(false),
        };
        Ok(match own {
            OwnLabel::Class(name) => class_key(name) == class_key(seen),
            OwnLabel::Number(value) if self.task == Task::ActionUnits => self.threshold.active(*value) == unit(seen)?,
            OwnLabel::Number(value) => (f64::from(*value) - number(seen)?).abs() <= precision(seen),
        })
    }

    /// A new label as lists write it, and as the table does.
    fn changed(&self, to: &str, output: &str) -> Result<(String, NewLabel), String> {
        match self.task {
            Task::Expression => {
                let classes = &self.own.classes;
                let Some(at) = find_class(classes, to) else {
                    return Err(format!(
                        "`{to}` is no class of this database; its classes are {}",
                        classes.join(", ")
                    ));
                };
                Ok((classes[at].clone(), NewLabel::Class(classes[at].clone())))
            }
            Task::ValenceArousal => {
                let value = number(to)? as f32;
                if !(-1.0..=1.0).contains(&value) {
                    return Err(format!("{output} = {to} cannot be; expected a number from -1 to 1"));
                }
                Ok((value.to_string(), NewLabel::Number(value)))
            }
            Task::ActionUnits => {
                let active = unit(to)?;
                let value = self.threshold.intensity(active);
                Ok((u8::from(active).to_string(), NewLabel::Number(value)))
            }
        }
    }
}

fn number(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
    value.ok_or_else(|| format!("`{text}` is no number; valence and arousal are written such as -0.25"))
}

fn unit(text: &str) -> Result<bool, String> {
    match integer(text) {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        _ => Err(format!(
            "`{text}` is no label of an action unit; expected 0 (not active) or 1 (active), not an intensity"
        )),
    }
}

/// How far a number that a reviewer saw may be from the one it was rounded from: half of its last digit, two of which are shown at
/// least.
fn precision(text: &str) -> f64 {
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let decimals = i32::try_from(decimals).unwrap_or(i32::MAX).clamp(2, 6);
    0.5 * 10f64.powi(-decimals) + 1e-6
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use polars::prelude::{DataFrame, IntoColumn, NamedFrom, Series};

    use crate::recipe::RecipeOptions;

    use super::*;

    /// Two samples, `a` with labels and `b` without.
    fn own(outputs: &[&str]) -> OwnLabels {
        let columns = vec![
            Series::new("sample_id".into(), ["a", "b"]).into_column(),
            Series::new("split".into(), ["train", "test"]).into_column(),
            Series::new("expression_name".into(), [Some("Fear"), None]).into_column(),
            Series::new("valence".into(), [Some(0.3042_f32), None]).into_column(),
            Series::new("au12".into(), [Some(2.0_f32), Some(3.0)]).into_column(),
        ];
        let table = DataFrame::new(2, columns).unwrap();
        let classes = ["Fear", "Very Happy"].map(str::to_owned).to_vec();
        OwnLabels::of_frame(&table, classes, outputs.iter().copied()).unwrap()
    }

    /// What comes of one line, by a recipe on generated faces with these overrides.
    fn line(recipe: &str, text: &str) -> Result<Option<(String, NewLabel)>, String> {
        let options = RecipeOptions {
            stand_in: true,
            set: Vec::new(),
        };
        let recipe = Recipe::load(Path::new(recipe), &options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reviewed.csv");
        std::fs::write(&path, format!("sample_id,output,from,decision,to\n{text}\n")).unwrap();
        let list = RelabelList::read(&path).unwrap();
        let own = own(&[list.reviews[0].output.as_str()]);
        let told = |error: Error| error.to_string().replace(&format!("{}/", folder.path().display()), "");
        let found = check(&list, &own, &recipe).map_err(told)?;
        Ok(found.into_iter().next().unwrap().to)
    }

    #[test]
    fn what_is_seen_and_what_is_set_are_of_the_task() {
        let class = Some(("Very Happy".to_owned(), NewLabel::Class("Very Happy".to_owned())));
        assert_eq!(
            line("recipes/rafdb.toml", "a,expression, FEAR ,change,very  happy"),
            Ok(class.clone())
        );
        assert_eq!(line("recipes/rafdb.toml", "b,expression,,change,Very Happy"), Ok(class));
        assert_eq!(line("recipes/rafdb.toml", "a,expression,fear,keep,"), Ok(None));
        let number = |text: &str, value| Ok(Some((text.to_owned(), NewLabel::Number(value))));
        assert_eq!(
            line("recipes/affectnet_va.toml", "a,valence,0.30,change,-0.5"),
            number("-0.5", -0.5)
        );
        // An intensity of 2 is not active under the paper's threshold; the least whole one that is stands for it.
        assert_eq!(line("recipes/disfa.toml", "a,au12,0,change,1"), number("1", 3.0));
        assert_eq!(line("recipes/disfa.toml", "b,AU12,1,change,0"), number("0", 0.0));
    }

    #[test]
    fn what_cannot_be_is_told_with_its_line() {
        let errors: Vec<String> = [
            ("rafdb", "c,expression,fear,keep,"),
            ("rafdb", "a,expression,,keep,"),
            ("rafdb", "b,expression,fear,unsure,"),
            ("rafdb", "a,expression,very happy,keep,"),
            ("rafdb", "a,expression,fear,change,Joy"),
            ("rafdb", "a,expression,fear,change,FEAR"),
            ("affectnet_va", "a,valence,0.4,keep,"),
            ("affectnet_va", "a,valence,fear,keep,"),
            ("affectnet_va", "a,valence,0.304,change,1.5"),
            ("affectnet_va", "a,arousal,0.304,change,0.5"),
            ("disfa", "a,au12,1,keep,"),
            ("disfa", "a,au12,0,change,3"),
            ("disfa", "a,au99,0,change,1"),
        ]
        .iter()
        .map(|(recipe, text)| line(&format!("recipes/{recipe}.toml"), text).unwrap_err())
        .collect();
        insta::assert_snapshot!(errors.join("\n"), @"
        reviewed.csv:2: the database has no sample `c`; these faces are generated: name a list that was made of their report, or none
        reviewed.csv:2: the reviewer of `a` saw no label as its expression, and the database says `Fear`: the list was made of other labels; review the sample again, or take the line out
        reviewed.csv:2: the reviewer of `b` saw `fear` as its expression, and the database says none: the list was made of other labels; review the sample again, or take the line out
        reviewed.csv:2: the reviewer of `a` saw `very happy` as its expression, and the database says `Fear`: the list was made of other labels; review the sample again, or take the line out
        reviewed.csv:2: `Joy` is no class of this database; its classes are Fear, Very Happy
        reviewed.csv:2: the expression of `a` is `Fear` already: write keep, or the label that it is to have
        reviewed.csv:2: the reviewer of `a` saw `0.4` as its valence, and the database says `0.3042`: the list was made of other labels; review the sample again, or take the line out
        reviewed.csv:2: `fear` is no number; valence and arousal are written such as -0.25
        reviewed.csv:2: valence = 1.5 cannot be; expected a number from -1 to 1
        reviewed.csv:2: the database has no labels of `arousal`
        reviewed.csv:2: the reviewer of `a` saw `1` as its au12, and the database says `0`: the list was made of other labels; review the sample again, or take the line out
        reviewed.csv:2: `3` is no label of an action unit; expected 0 (not active) or 1 (active), not an intensity
        reviewed.csv:2: the database has no labels of `au99`
        ");
    }

    #[test]
    fn numbers_are_what_was_seen_up_to_their_rounding() {
        let near = |own: f32, seen: &str| (f64::from(own) - number(seen).unwrap()).abs() <= precision(seen);
        for (own, seen) in [
            (0.304, "0.3"),
            (0.3042, "0.304"),
            (-0.5, "-0.50"),
            (0.1, "0.1"),
            (1.0, "1"),
        ] {
            assert!(near(own, seen), "{own} {seen}");
        }
        for (own, seen) in [(0.32, "0.3"), (0.3042, "0.303"), (0.5, "-0.5"), (0.4, "0")] {
            assert!(!near(own, seen), "{own} {seen}");
        }
    }
}
