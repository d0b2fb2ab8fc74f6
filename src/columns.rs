//! The columns of the samples table and of the table of truths, said once: the tables that are written, the views over them,
//! what other tools are told of them and `docs/tables.md` follow from here.

use arrow::datatypes::{DataType, Field, Fields};

use crate::action_unit::ActionUnit;

/// Metadata key of the version of a table, in all Parquet files of this program.
pub const SCHEMA_KEY: &str = "aura-bench.schema";
/// Metadata key of what a samples table says of itself, as JSON.
pub const SAMPLES_KEY: &str = "aura-bench.samples";

/// Metadata key of a Parquet file with the truth behind generated faces.
pub const TRUTH_KEY: &str = "aura-bench.truth";

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// Yes or no.
    Bool,
    /// Index of a class.
    Int8,
    /// A count or a number.
    Int32,
    /// A measure in single precision.
    Float32,
}

impl Kind {
    /// The type in arrow and in Parquet.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Bool => DataType::Boolean,
            Self::Int8 => DataType::Int8,
            Self::Int32 => DataType::Int32,
            Self::Float32 => DataType::Float32,
        }
    }
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a table without it is no samples table.
    pub required: bool,
    /// What a value says, in a phrase.
    pub meaning: &'static str,
}

const fn column(name: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column {
        name,
        kind,
        required: false,
        meaning,
    }
}

const fn required(name: &'static str, meaning: &'static str) -> Column {
    Column {
        name,
        kind: Kind::Text,
        required: true,
        meaning,
    }
}

/// The samples table, in order; a column for each of the card's action units follows (see [`UNIT`]).
pub const SAMPLES: [Column; 15] = [
    required("sample_id", "Identifier, unique in the database"),
    required("dataset", "Card of the database"),
    required("split", "train, val or test"),
    column("subject", Kind::Text, "Person in the image, where known"),
    column("frame", Kind::Int32, "Frame of the video, where it is one"),
    column("fold", Kind::Int32, "Fold in which the sample is tested on"),
    required("image_path", "Image, relative to the folder of the database"),
    column("bbox_x", Kind::Float32, "Box of the face in pixels"),
    column("bbox_y", Kind::Float32, "Box of the face in pixels"),
    column("bbox_w", Kind::Float32, "Box of the face in pixels"),
    column("bbox_h", Kind::Float32, "Box of the face in pixels"),
    column("expression", Kind::Int8, "Class, 0-based"),
    column("expression_name", Kind::Text, "Name of the class"),
    column("valence", Kind::Float32, "From -1 to 1"),
    column("arousal", Kind::Float32, "From -1 to 1"),
];

/// The table of truths of generated faces, in order; a column for each action unit that was drawn follows.
pub const TRUTH: [Column; 15] = [
    column("sample_id", Kind::Text, "Identifier, as in the samples table"),
    column(
        "image_path",
        Kind::Text,
        "Image, relative to the folder of the database",
    ),
    column("split", Kind::Text, "train, val or test"),
    column("subject", Kind::Text, "Person that was drawn"),
    column("skin", Kind::Text, "Skin that was drawn: light, medium or dark"),
    column("mode", Kind::Text, "The planted mode"),
    column(
        "strength",
        Kind::Float32,
        "Factor on the mode's action units, 1 as planted; null in films",
    ),
    column("blend", Kind::Text, "Expression that an ambiguous face leans to"),
    column("blend_share", Kind::Float32, "Its share of the face, below 0.5"),
    column("expression", Kind::Int8, "Class that was drawn, 0-based"),
    column("expression_name", Kind::Text, "Name of what was drawn"),
    column("label", Kind::Int8, "Class that was written, 0-based"),
    column("flipped", Kind::Bool, "Whether the label was exchanged on purpose"),
    column("valence", Kind::Float32, "From -1 to 1"),
    column("arousal", Kind::Float32, "From -1 to 1"),
];

/// Kind and meaning of the columns of action units, whose names are [`ActionUnit::column`]'s.
pub const UNIT: (Kind, &str) = (Kind::Float32, "Action unit; null where unknown");

/// The column of the samples table of this name, or of an action unit: what it holds and what it means.
pub fn of_samples(name: &str) -> Option<(Kind, &'static str)> {
    let known = SAMPLES.iter().find(|column| column.name == name);
    known
        .map(|column| (column.kind, column.meaning))
        .or_else(|| ActionUnit::of_column(name).map(|_| UNIT))
}

/// Arrow's fields of these columns, any of which may be null.
pub fn fields(columns: &[Column]) -> Fields {
    columns
        .iter()
        .map(|column| Field::new(column.name, column.kind.arrow(), true))
        .collect()
}

/// Columns that a samples table must have, in order.
pub fn required_names() -> impl Iterator<Item = &'static str> {
    SAMPLES
        .iter()
        .filter(|column| column.required)
        .map(|column| column.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The word for a kind in `docs/tables.md`.
    fn word(kind: Kind) -> &'static str {
        match kind {
            Kind::Text => "text",
            Kind::Bool => "bool",
            Kind::Int8 | Kind::Int32 => "int",
            Kind::Float32 => "real",
        }
    }

    /// The lines of the table in `docs/tables.md` below the head `| column of … |`.
    fn documented(of: &str) -> Vec<String> {
        let text = include_str!("../docs/tables.md");
        let head = format!("| column of `{of}` | type | meaning |");
        let lines = text.lines().skip_while(|line| *line != head).skip(2);
        lines
            .take_while(|line| line.starts_with('|'))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn the_docs_have_the_columns_that_are_written() {
        for (of, columns) in [("samples", SAMPLES.as_slice()), ("truth", TRUTH.as_slice())] {
            let mut lines = vec!["| `run` | text | The run |".to_owned()];
            lines.extend(
                columns
                    .iter()
                    .map(|column| format!("| `{}` | {} | {} |", column.name, word(column.kind), column.meaning)),
            );
            lines.push(format!("| `au01`, … | {} | {} |", word(UNIT.0), UNIT.1));
            assert_eq!(
                documented(of),
                lines,
                "docs/tables.md, `{of}`: write\n{}\n",
                lines.join("\n")
            );
        }
    }
}
