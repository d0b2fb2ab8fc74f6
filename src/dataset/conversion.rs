//! What a conversion found, beside what the card expects.

use std::collections::BTreeMap;
use std::path::Path;

use polars::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::intake::reject::Reject;
use crate::task::Split;

use super::card::Card;
use super::config::Frames;
use super::decoded::DecodedFrames;
use super::frame::wrap;
use super::options::ConvertOptions;

/// One count that is not what the card expects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The split.
    pub split: String,
    /// The class; `None` for the whole split.
    pub class: Option<String>,
    /// According to the card.
    pub expected: u64,
    /// In this folder.
    pub found: u64,
}

/// The card's counts against what was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expected {
    /// Samples by split.
    pub by_split: BTreeMap<String, u64>,
    /// Samples by split and class.
    pub by_split_class: BTreeMap<String, BTreeMap<String, u64>>,
    /// Where they differ; empty if the database is complete.
    pub differences: Vec<Difference>,
}

/// What a conversion found; `conversion.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conversion {
    /// Version of this file: 1.
    #[serde(default)]
    pub schema: u32,
    /// Card id.
    pub dataset: String,
    /// Layout that was read.
    pub layout: String,
    /// What spoke for this layout.
    pub layout_why: String,
    /// Folder in which it begins, relative to the data folder.
    pub base: String,
    /// Usable samples.
    pub samples: u64,
    /// Rows that were left out, listed in `rejects.csv`.
    pub rejected: u64,
    /// Labels that are legal, but unknown or outside the card's classes.
    pub masked: u64,
    /// Samples by split.
    pub by_split: BTreeMap<String, u64>,
    /// Samples by class, over all splits.
    pub by_class: BTreeMap<String, u64>,
    /// Samples by split and class.
    pub by_split_class: BTreeMap<String, BTreeMap<String, u64>>,
    /// Known labels and, among them, those above zero, by action unit.
    pub by_au: BTreeMap<String, AuCount>,
    /// The card's counts; `None` for generated trees, whose size is free, and for layouts that hold another collection than the
    /// one that the card counts.
    pub expected: Option<Expected>,
    /// Frames that were decoded from videos, to whose folder the image paths of the samples are relative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoded: Option<DecodedFrames>,
    /// Rows left out by kind of reason.
    pub reject_reasons: BTreeMap<String, usize>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Whether the tree was generated.
    pub stand_in: bool,
    /// The table of planted truths, relative to the data folder, where there is one.
    pub truth: Option<String>,
    /// Digest of the label files and of the list of images.
    pub source_digest: String,
}

/// Labels of one action unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuCount {
    /// Samples with a known value.
    pub known: u64,
    /// Samples with a value above zero.
    pub positive: u64,
}

/// Why too little of a database is left, if so.
pub fn too_little(conversion: &Conversion, options: &ConvertOptions) -> Option<String> {
    let rows = conversion.samples + conversion.rejected;
    let share = conversion.rejected as f64 / rows.max(1) as f64;
    if conversion.samples == 0 {
        Some(format!("no usable sample is left of {rows} rows"))
    } else {
        (share > options.max_rejected).then(|| {
            format!(
                "{} of {rows} rows were rejected ({:.1} %), more than the {:.1} % that `dataset.max_rejected` allows",
                conversion.rejected,
                100.0 * share,
                100.0 * options.max_rejected
            )
        })
    }
}

/// Fails if too little of a database is left.
///
/// # Errors
/// [`Error::Data`] with the first reasons and where all of them are listed.
pub fn usable(conversion: &Conversion, rejects: &[Reject], options: &ConvertOptions, list: &Path) -> Result<()> {
    let Some(what) = too_little(conversion, options) else {
        return Ok(());
    };
    let list = crate::disk::rejects::keep(list)?;
    let first: Vec<String> = rejects.iter().take(3).map(|reject| format!("  {reject}")).collect();
    let reasons: Vec<String> = conversion
        .reject_reasons
        .iter()
        .map(|(kind, n)| format!("{n} {kind}"))
        .collect();
    Err(Error::too_many_rejects(format!(
        "{what}{}{}\nall rejected rows: {}",
        if reasons.is_empty() {
            String::new()
        } else {
            format!(": {}", reasons.join(", "))
        },
        notes(conversion)
            .into_iter()
            .chain(first)
            .map(|line| format!("\n{line}"))
            .collect::<String>(),
        list.display()
    )))
}

/// Where no sample is left, what was read and what was said of it: nothing else tells why.
fn notes(conversion: &Conversion) -> Vec<String> {
    const SHOWN: usize = 20;
    if conversion.samples > 0 {
        return Vec::new();
    }
    let mut notes = Vec::new();
    if !conversion.layout_why.is_empty() {
        notes.push(format!(
            "  read as layout `{}`: {}",
            conversion.layout, conversion.layout_why
        ));
    }
    if conversion.masked > 0 {
        notes.push(format!(
            "  {} labels are masked: unknown (as protocol.unknown says, too) or outside the card's classes",
            conversion.masked
        ));
    }
    let warnings = &conversion.warnings;
    notes.extend(
        warnings
            .iter()
            .take(SHOWN)
            .map(|warning| format!("  warning: {warning}")),
    );
    if warnings.len() > SHOWN {
        notes.push(format!("  … {} warnings", warnings.len()));
    }
    notes
}

/// A word on classes that are tested and never trained, as a test split without labels or in another spelling has them.
pub(crate) fn never_learned(conversion: &Conversion) -> Option<String> {
    let of = |split: Split| conversion.by_split_class.get(split.as_str());
    let (train, test) = (of(Split::Train)?, of(Split::Test)?);
    let unseen: Vec<&str> = test
        .keys()
        .filter(|class| !train.contains_key(*class))
        .map(String::as_str)
        .collect();
    // As which "unknown" is usually written.
    let code = |value: f32| value < 0.0 || [99.0, 255.0, 999.0].contains(&value);
    let usual = |class: &&str| class.parse().is_ok_and(code);
    let codes: Vec<&str> = unseen.iter().copied().filter(usual).collect();
    let hint = match codes[..] {
        [] => String::new(),
        _ => format!(
            "; if that means that the label is unknown, set protocol.unknown = [{}]",
            codes.join(", ")
        ),
    };
    (!unseen.is_empty()).then(|| {
        format!(
            "classes of the test split that no training sample has: {}{hint}",
            unseen.join(", ")
        )
    })
}

/// Fills in the counts by split, class and action unit.
pub(crate) fn count(table: &DataFrame, card: &Card, conversion: &mut Conversion) -> Result<()> {
    let splits = table.column("split").and_then(Column::str).map_err(wrap)?;
    let classes = table.column("expression").and_then(Column::i8).map_err(wrap)?;
    let mut counts: BTreeMap<(Split, Option<i8>), u64> = BTreeMap::new();
    for (split, class) in splits.iter().zip(classes.iter()) {
        if let Some(split) = split.and_then(Split::parse) {
            *counts.entry((split, class)).or_insert(0) += 1;
        }
    }
    for ((split, class), n) in counts {
        *conversion.by_split.entry(split.to_string()).or_insert(0) += n;
        if let Some(class) = class.and_then(|class| card.classes.get(usize::try_from(class).ok()?)) {
            *conversion.by_class.entry(class.name.clone()).or_insert(0) += n;
            *conversion
                .by_split_class
                .entry(split.to_string())
                .or_default()
                .entry(class.name.clone())
                .or_insert(0) += n;
        }
    }
    for name in card.au_columns() {
        let values = table.column(&name).and_then(Column::f32).map_err(wrap)?;
        let known = values.iter().flatten().count() as u64;
        let positive = values.iter().flatten().filter(|value| *value > 0.0).count() as u64;
        conversion.by_au.insert(name, AuCount { known, positive });
    }
    Ok(())
}

/// Compares the counts with the card's, split by split and class by class.
pub(crate) fn compare(card: &Card, options: &ConvertOptions, conversion: &mut Conversion, warnings: &mut Vec<String>) {
    // Cards count frames without the error log under the name `clean`.
    let layout = match options.frames {
        Frames::WithoutBad if !card.bad_frames.is_empty() => "clean".to_owned(),
        _ => conversion.layout.clone(),
    };
    let mut result = Expected::default();
    for split in Split::ALL {
        let Some((samples, classes)) = card.expected(split, &layout) else {
            continue;
        };
        let name = split.to_string();
        let found = conversion.by_split.get(&name).copied().unwrap_or(0);
        if let Some(samples) = samples {
            result.by_split.insert(name.clone(), samples);
            if samples != found {
                result.differences.push(Difference {
                    split: name.clone(),
                    class: None,
                    expected: samples,
                    found,
                });
                warnings.push(format!("{name}: expected {samples} samples, found {found}"));
            }
        }
        // Lists of valence and arousal alone have no expressions to count.
        if classes.is_empty() || (conversion.by_class.is_empty() && found > 0) {
            continue;
        }
        let mut wrong = Vec::new();
        for class in &card.classes {
            let Some(&expected) = classes.get(&class.name) else {
                continue;
            };
            let found = conversion
                .by_split_class
                .get(&name)
                .and_then(|counts| counts.get(&class.name))
                .copied()
                .unwrap_or(0);
            if expected != found {
                wrong.push(format!("{} {found} instead of {expected}", class.name));
                result.differences.push(Difference {
                    split: name.clone(),
                    class: Some(class.name.clone()),
                    expected,
                    found,
                });
            }
        }
        if !wrong.is_empty() {
            warnings.push(format!("{name}: class counts differ: {}", wrong.join(", ")));
        }
        result.by_split_class.insert(name, classes);
    }
    conversion.expected = Some(result);
}
