//! What two databases both label: the outputs of one among those of models that were trained on another.

use std::collections::BTreeMap;

use crate::action_unit::ActionUnit;
use crate::score::mapping::class_of;
use crate::spelling::{class_key, find_class};
use crate::task::Task;

/// The position of the output that is called so.
fn find(task: Task, all: &[String], name: &str) -> Option<usize> {
    match task {
        Task::Expression => find_class(all, name),
        Task::ActionUnits => ActionUnit::named(name).and_then(|unit| find_class(all, &unit.column())),
        Task::ValenceArousal => all.iter().position(|other| other == name),
    }
}

/// Where the outputs of a test set lie among those of the models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Of each output of the test set, its position among the models' outputs; `None` for what the models do not know.
    pub places: Vec<Option<usize>>,
    /// Positions of the models' outputs that the test set labels, ascending.
    pub both: Vec<usize>,
}

impl Shared {
    /// Finds `theirs` among `ours`: by `names`, which says what an output of theirs is called here (nothing: it is left out), else by
    /// the name, else (classes) by the words that mean one class, such as `Happy` and `happiness`.
    ///
    /// # Errors
    /// A sentence, if `names` names what neither side has, or too little is shared to be tested: two classes, one of the others.
    pub fn of(
        ours: &[String],
        theirs: &[String],
        names: &BTreeMap<String, String>,
        task: Task,
    ) -> Result<Self, String> {
        let listed = |all: &[String]| all.join(", ");
        let mut said: BTreeMap<usize, Option<usize>> = BTreeMap::new();
        for (name, meant) in names {
            let Some(their) = find(task, theirs, name) else {
                return Err(format!(
                    "`{name}` is none of the outputs of this test set, which are {}",
                    listed(theirs)
                ));
            };
            let our = find(task, ours, meant);
            if our.is_none() && !meant.is_empty() {
                return Err(format!(
                    "`{meant}`, which `{name}` shall be, is none of the outputs that are trained, which are {}; \"\" leaves it out",
                    listed(ours)
                ));
            }
            if said.insert(their, our).is_some() {
                return Err(format!("`{name}` is named twice, in different spellings"));
            }
        }
        let places = Self::places(ours, theirs, &said, task);
        let mut both: Vec<usize> = places.iter().copied().flatten().collect();
        both.sort_unstable();
        both.dedup();
        let least = if task == Task::Expression { 2 } else { 1 };
        if both.len() < least {
            return Err(format!(
                "of its outputs ({}) too few are among those that are trained ({}): {least} at least must be",
                listed(theirs),
                listed(ours)
            ));
        }
        Ok(Self { places, both })
    }

    /// Where each of theirs lies: as `said`, else where its name is found.
    fn places(
        ours: &[String],
        theirs: &[String],
        said: &BTreeMap<usize, Option<usize>>,
        task: Task,
    ) -> Vec<Option<usize>> {
        let by_words = |name: &str| {
            let class = class_of(name);
            ours.iter().position(|our| class_of(our) == class)
        };
        let place = |(i, name): (usize, &String)| match said.get(&i) {
            Some(said) => *said,
            None if task == Task::Expression => find(task, ours, name).or_else(|| by_words(name)),
            None => find(task, ours, name),
        };
        theirs.iter().enumerate().map(place).collect()
    }

    /// What has to be said for these places, in the spellings of both sides: nothing where an output is found by itself.
    pub fn said(&self, ours: &[String], theirs: &[String], task: Task) -> BTreeMap<String, String> {
        let by_itself = Self::places(ours, theirs, &BTreeMap::new(), task);
        let places = theirs.iter().zip(self.places.iter().zip(by_itself));
        places
            .filter(|(_, (said, found))| **said != *found)
            .map(|(name, (said, _))| (name.clone(), said.map_or_else(String::new, |at| ours[at].clone())))
            .collect()
    }

    /// Names of theirs that the models do not know.
    pub fn left_out<'a>(&self, theirs: &'a [String]) -> Vec<&'a str> {
        let unknown = theirs.iter().zip(&self.places).filter(|(_, place)| place.is_none());
        unknown.map(|(name, _)| name.as_str()).collect()
    }

    /// Classes of theirs that are one class here under another name: `Happy → happiness`.
    pub fn renamed(&self, ours: &[String], theirs: &[String]) -> Vec<String> {
        let pairs = theirs.iter().zip(&self.places);
        pairs
            .filter_map(|(name, place)| Some((name, &ours[(*place)?])))
            .filter(|(their, our)| class_key(their) != class_key(our))
            .map(|(their, our)| format!("{their} → {our}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = pairs.iter().map(|&(their, our)| (their.to_owned(), our.to_owned()));
        own.collect()
    }

    #[test]
    fn words_for_one_class_are_one_and_what_is_said_goes_before() {
        let ours = list(&[
            "neutral",
            "happiness",
            "sadness",
            "surprise",
            "fear",
            "disgust",
            "anger",
            "contempt",
        ]);
        let theirs = list(&["Surprised", "Happy", "Other", "ANGER"]);
        let shared = Shared::of(&ours, &theirs, &BTreeMap::new(), Task::Expression).unwrap();
        assert_eq!(shared.places, [Some(3), Some(1), None, Some(6)]);
        assert_eq!(shared.both, [1, 3, 6]);
        assert_eq!(shared.left_out(&theirs), ["Other"]);
        assert_eq!(
            shared.renamed(&ours, &theirs),
            ["Surprised → surprise", "Happy → happiness"]
        );
        let said = map(&[("surprised", "Fear"), ("anger", "")]);
        let shared = Shared::of(&ours, &theirs, &said, Task::Expression).unwrap();
        assert_eq!(shared.places, [Some(4), Some(1), None, None]);
        // Said in the spellings of both, and only where it must be.
        assert_eq!(
            shared.said(&ours, &theirs, Task::Expression),
            map(&[("Surprised", "fear"), ("ANGER", "")])
        );
        let redundant = Shared::of(
            &ours,
            &theirs,
            &map(&[("happy", "HAPPINESS"), ("other", "")]),
            Task::Expression,
        );
        assert_eq!(redundant.unwrap().said(&ours, &theirs, Task::Expression), map(&[]));
    }

    #[test]
    fn units_are_found_by_their_number() {
        let (ours, theirs) = (list(&["au01", "au25"]), list(&["au01", "au04", "au26"]));
        let shared = Shared::of(&ours, &theirs, &map(&[("AU26", "au25")]), Task::ActionUnits).unwrap();
        assert_eq!(shared.places, [Some(0), None, Some(1)]);
    }

    #[test]
    fn what_neither_side_has_is_told() {
        let (ours, theirs) = (list(&["a", "b"]), list(&["a", "c"]));
        let of = |names: &[(&str, &str)]| Shared::of(&ours, &theirs, &map(names), Task::Expression).unwrap_err();
        assert!(of(&[("d", "a")]).starts_with("`d` is none of the outputs of this test set, which are a, c"));
        assert!(of(&[("c", "e")]).contains("`e`, which `c` shall be, is none"));
        assert!(of(&[("c", "b"), ("C", "a")]).contains("named twice"));
        assert!(of(&[]).contains("2 at least must be"));
    }
}
