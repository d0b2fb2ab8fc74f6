//! The table of truths: what every sample of a tree really shows.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float32Array, Int8Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};

use crate::action_unit;
use crate::columns::{TRUTH, TRUTH_KEY, UNIT};
use crate::disk::parquet;
use crate::error::{Context, Result};

use super::action_units::ACTION_UNITS;
use super::draw::identity::Identity;
use super::modes::Emotion;
use super::options::{GENERATOR_VERSION, Layout, NOTICE, index_of};
use super::plan::{Purpose, Sample};

/// The samples that have a row: those whose labels the card keeps.
pub(crate) fn counted(samples: &[Sample]) -> impl Iterator<Item = &Sample> {
    samples.iter().filter(|sample| sample.purpose == Purpose::Sample)
}

/// Writes the table, in the order of the plan.
///
/// `expression` and `label` count as the card does and are null where the card has no classes; `expression_name` always
/// says what was drawn.
pub(crate) fn write(path: &Path, layout: &dyn Layout, samples: &[Sample], seed: u64) -> Result<()> {
    let mut skins: BTreeMap<u32, &str> = BTreeMap::new();
    for sample in counted(samples) {
        let skin = || Identity::of(seed, sample.subject).skin_name();
        skins.entry(sample.subject).or_insert_with(skin);
    }
    let text = |f: &dyn Fn(&Sample) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(counted(samples).map(f)))
    };
    let number =
        |f: &dyn Fn(&Sample) -> f32| -> ArrayRef { Arc::new(Float32Array::from_iter_values(counted(samples).map(f))) };
    let class = |f: &dyn Fn(&Sample) -> Option<Emotion>| -> ArrayRef {
        let classes = counted(samples).map(|sample| index_of(layout, f(sample)?));
        Arc::new(classes.collect::<Int8Array>())
    };
    // In the order of the list; a column of another kind than the list says is refused below.
    let own: [ArrayRef; TRUTH.len()] = [
        text(&|s| s.id.clone()),
        text(&|s| s.path.clone()),
        text(&|s| s.split.as_str().to_owned()),
        text(&Sample::subject_name),
        text(&|s| skins[&s.subject].to_owned()),
        text(&Sample::mode_name),
        Arc::new(counted(samples).map(|s| s.strength).collect::<Float32Array>()),
        Arc::new(
            counted(samples)
                .map(|s| Some(s.blend?.towards.name()))
                .collect::<StringArray>(),
        ),
        Arc::new(counted(samples).map(|s| Some(s.blend?.share)).collect::<Float32Array>()),
        class(&|s| Some(s.emotion)),
        text(&|s| s.emotion.name().to_owned()),
        class(&|s| s.label),
        Arc::new(counted(samples).map(|s| Some(s.flipped)).collect::<BooleanArray>()),
        number(&|s| s.affect.0),
        number(&|s| s.affect.1),
    ];
    let nullable = ["subject", "strength", "blend", "blend_share", "expression", "label"];
    let mut fields: Vec<Field> = TRUTH
        .iter()
        .map(|column| Field::new(column.name, column.kind.arrow(), nullable.contains(&column.name)))
        .collect();
    let mut columns = own.to_vec();
    for (unit, column) in ACTION_UNITS.into_iter().zip(action_unit::columns(&ACTION_UNITS)) {
        fields.push(Field::new(column, UNIT.0.arrow(), false));
        columns.push(number(&|s| s.expression.get(unit)));
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).at("encode", path)?;
    let classes: Vec<&str> = layout.classes().iter().map(|class| class.name()).collect();
    let about = serde_json::json!({
        "generator": GENERATOR_VERSION,
        "card": layout.card(),
        "layout": layout.form(),
        "classes": classes,
        "aus": ACTION_UNITS,
        "notice": NOTICE,
    });
    parquet::write_batch(path, &batch, &[(TRUTH_KEY, about.to_string())])
}
