//! Readers by the name that cards use.

use crate::dataset::source::{Found, Source};
use crate::error::{Error, Result};

/// Turns the label files of a layout into rows.
pub type Reader = fn(&Source<'_>) -> Result<Found>;

/// All readers, by the name that cards use.
pub const READERS: &[(&str, Reader)] = &[
    ("affectnet_annotations", super::affectnet::read_annotations),
    ("affectnet_automatic", super::affectnet::read_automatic),
    ("affectnet_lists", super::affectnet::read_lists),
    ("affectnet_npy", super::affectnet::read_npy),
    ("affectnet_text_lists", super::affectnet::read_text_lists),
    ("class_folders", super::folders::read),
    ("csv_tables", super::tabular::read_all),
    ("disfa_labels", super::disfa::read::read),
    ("disfa_plus", super::disfa::read::read_plus),
    ("emotionet_csv", super::emotionet::read::read_csv),
    ("emotionet_list", super::emotionet::read::read_list),
    ("emotionet_tab", super::emotionet::read::read_tab),
    ("emotionet_xlsx", super::emotionet::read::read_xlsx),
    ("rafdb_kaggle", super::rafdb::read_kaggle),
    ("rafdb_list", super::rafdb::read_list),
    (crate::dataset::card::TABLE, read_as_folder),
];

/// The reader with this name.
pub fn reader(name: &str) -> Option<Reader> {
    READERS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, reader)| *reader)
}

/// The reader of the card `table` for a plain conversion, which has no place for features.
pub(crate) fn read_as_folder(_: &Source<'_>) -> Result<Found> {
    Err(Error::Usage(
        "the card `table` is no folder of images: a recipe names its file as dataset.path, and `aura-bench run` reads it \
         (docs/features-from-elsewhere.md)"
            .into(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reader_that_a_card_may_name_is_there() {
        let names: Vec<&str> = READERS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, crate::dataset::card::READERS);
    }
}
