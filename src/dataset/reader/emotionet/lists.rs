//! The form of a derived list: what separates its fields, and which action units they are.

use crate::action_unit::ActionUnit;
use crate::dataset::reader::tabular::is_image_heading;
use crate::intake::fields::{bare, clean_name};

/// How the lines of a list are read.
pub(crate) struct ListForm<'a> {
    own: &'a [u8],
    listed: &'a [u8],
    /// Whether the first line names columns.
    pub(crate) headed: bool,
    /// The action units in the order in which the first line names them, if it does.
    named: Option<Vec<u8>>,
}

impl<'a> ListForm<'a> {
    /// What the first line of a list says; lines without names hold the units `own` or `listed`, by their count.
    pub(crate) fn of<'t>(mut lines: impl Iterator<Item = &'t str>, own: &'a [u8], listed: &'a [u8]) -> Self {
        let mut form = Self {
            own,
            listed,
            headed: false,
            named: None,
        };
        let Some(first) = lines.next() else { return form };
        let fields = form.fields(first);
        form.headed = fields.first().is_some_and(|field| is_image_heading(field));
        if form.headed {
            let units: Vec<u8> = fields[1..]
                .iter()
                .filter_map(|field| Some(ActionUnit::named(&clean_name(field))?.number()))
                .collect();
            form.named = (units.len() == fields.len() - 1 && !units.is_empty()).then_some(units);
        }
        form
    }

    /// The fields of a line, without quotes: between commas, semicolons or tabs if that makes as many as there should be, where nothing
    /// is a field too, else between white space and commas.
    pub(crate) fn fields<'t>(&self, line: &'t str) -> Vec<&'t str> {
        for separator in [',', ';', '\t'] {
            let mut fields: Vec<&str> = line.split(separator).map(bare).collect();
            // One more at the end is a habit of programs.
            if fields.last() == Some(&"") && self.columns(fields.len().saturating_sub(2)).is_some() {
                fields.pop();
            }
            if fields.len() > 1 && self.columns(fields.len() - 1).is_some() {
                return fields;
            }
        }
        line.split(|c: char| c.is_whitespace() || c == ',' || c == ';')
            .map(bare)
            .filter(|field| !field.is_empty())
            .collect()
    }

    /// The action units of a line with so many labels.
    pub(crate) fn columns(&self, labels: usize) -> Option<&[u8]> {
        if let Some(named) = &self.named {
            return (named.len() == labels).then_some(named.as_slice());
        }
        [self.own, self.listed].into_iter().find(|units| units.len() == labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_as_programs_write_them() {
        for line in [
            "a.jpg 1 0",
            "a.jpg,1,0",
            "\"a.jpg\",\"1\",\"0\"",
            "a.jpg;1;0;",
            "a.jpg\t1\t0",
            "a.jpg, 1, 0",
        ] {
            let form = ListForm::of([line].into_iter(), &[1, 2], &[1, 2, 4]);
            assert!(!form.headed, "{line}");
            assert_eq!(form.fields(line), ["a.jpg", "1", "0"], "{line}");
            assert_eq!(form.columns(2), Some(&[1, 2][..]));
        }
        let form = ListForm::of([].into_iter(), &[1, 2], &[1, 2, 4]);
        assert_eq!(form.fields("a.jpg,1,,0"), ["a.jpg", "1", "", "0"], "nothing is unknown");
        assert_eq!((form.columns(3), form.columns(4)), (Some(&[1, 2, 4][..]), None));
    }

    #[test]
    fn a_header_names_the_units() {
        let form = ListForm::of(["image,AU2,'AU 1'"].into_iter(), &[1, 2], &[1, 2, 4]);
        assert!(form.headed);
        assert_eq!((form.columns(2), form.columns(3)), (Some(&[2, 1][..]), None));
        let form = ListForm::of(["name a b"].into_iter(), &[1, 2], &[1, 2, 4]);
        assert!(form.headed);
        assert_eq!(form.columns(2), Some(&[1, 2][..]));
    }
}
