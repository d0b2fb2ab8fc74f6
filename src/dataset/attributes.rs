//! The recipe's `[dataset.attributes]` section: what is known of the people in the pictures, to see whom a model serves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::invalid::Invalid;

/// By what the samples of a list of attributes are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKey {
    /// The sample's identifier.
    #[default]
    SampleId,
    /// The image, relative to the folder of the database, or the file's name alone where it is the only one of that name.
    ImagePath,
    /// The person: all samples of one have the same attributes.
    Subject,
}

impl AttributeKey {
    /// The name in recipes, which is that of the samples table's column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SampleId => "sample_id",
            Self::ImagePath => "image_path",
            Self::Subject => "subject",
        }
    }
}

/// Attributes of samples, such as an age group, by which every metric is reported group by group. They change nothing about what is
/// trained or measured, and so are no part of any digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AttributesConfig {
    /// CSV or TSV file whose first line names its columns, a line a sample, image or person; `${NAME}` stands for an environment
    /// variable. An empty field says that the attribute is not known. The list is of the database:
    /// on generated faces it is not read.
    pub list: String,
    /// By what its samples are found.
    pub key: AttributeKey,
    /// Column of the list that holds the key. Default: that of the key's name.
    pub key_column: String,
    /// Columns of the list that are attributes. Default: all but the key's.
    pub columns: Vec<String>,
    /// Columns that the database itself has: of its samples table (`subject`, `expression_name`, …) and, for generated faces, of the
    /// table of truths (`skin`, `mode`, …).
    pub own: Vec<String>,
    /// Fewest test samples of a group that takes part in the gap between groups; smaller ones are shown all the same.
    pub least: u32,
}

impl Default for AttributesConfig {
    fn default() -> Self {
        Self {
            list: String::new(),
            key: AttributeKey::SampleId,
            key_column: String::new(),
            columns: Vec::new(),
            own: Vec::new(),
            least: 20,
        }
    }
}

impl AttributesConfig {
    /// Whether no attributes are asked for.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.own.is_empty()
    }

    /// Name of the list's column with the key.
    pub fn key_column(&self) -> &str {
        match self.key_column.as_str() {
            "" => self.key.as_str(),
            name => name,
        }
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The key below `[dataset.attributes]` and what was expected.
    pub fn validate(&self) -> Result<(), Invalid> {
        if self.list.is_empty()
            && let Some(key) = [
                ("key_column", !self.key_column.is_empty()),
                ("columns", !self.columns.is_empty()),
            ]
            .into_iter()
            .find_map(|(key, is_set)| is_set.then_some(key))
        {
            return Err((
                key.into(),
                "it says how dataset.attributes.list is read, which is not set".into(),
            ));
        }
        for (key, names) in [("columns", &self.columns), ("own", &self.own)] {
            for (at, name) in names.iter().enumerate() {
                if name.trim().is_empty() || names[..at].contains(name) {
                    return Err((
                        key.into(),
                        format!(
                            "expected names of columns, each once, found `{name}`{}",
                            if at > 0 { " again" } else { "" }
                        ),
                    ));
                }
            }
        }
        if let Some(name) = self.columns.iter().find(|name| self.own.contains(name)) {
            return Err((
                "own".into(),
                format!("`{name}` is an attribute of the list too: name it once"),
            ));
        }
        if self.columns.iter().any(|name| name == self.key_column()) {
            return Err((
                "columns".into(),
                format!("`{}` is the column of the key", self.key_column()),
            ));
        }
        if self.least < 2 {
            return Err((
                "least".into(),
                format!("expected at least 2 samples, found {}", self.least),
            ));
        }
        Ok(())
    }
}
