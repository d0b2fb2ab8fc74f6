//! From `[protocol]` as written, and the card, to a [`Protocol`] with nothing left open.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::dataset::reader::disfa::folds::read_folds;
use crate::dataset::{AuScale, Card};
use crate::digest::Digest;
use crate::document::mistake::Mistake;
use crate::document::suggest::nearest;
use crate::document::tree::{Node, OVERRIDE};
use crate::feature::threshold::AuThreshold;
use crate::spelling::{find_class, same_class};
use crate::task::Task;
use crate::train::Sampling;

use super::config::{Protocol, ProtocolConfig};

type Resolved<T> = Result<T, Box<Mistake>>;

/// Checks `config` against what task and card offer, and fills in the defaults.
///
/// # Errors
/// The key that does not fit, with what is possible instead.
pub fn resolve(tree: &Node, config: &ProtocolConfig, card: &Card) -> Resolved<Protocol> {
    Resolver { tree, config, card }.resolve()
}

struct Resolver<'a> {
    tree: &'a Node,
    config: &'a ProtocolConfig,
    card: &'a Card,
}

impl Resolver<'_> {
    fn wrong<T>(&self, key: &str, message: String, label: &str, advice: Option<String>) -> Resolved<T> {
        Err(self
            .tree
            .place_of(&format!("protocol.{key}"), false)
            .error(message, label, advice))
    }

    /// Refuses keys that are written but mean nothing here.
    fn only(&self, offered: bool, keys: &[&str], why: &str) -> Resolved<()> {
        match keys
            .iter()
            .find(|key| !offered && self.tree.has(&format!("protocol.{key}")))
        {
            None => Ok(()),
            Some(key) => Err(self.tree.place_of(&format!("protocol.{key}"), true).error(
                format!("`protocol.{key}` means nothing for {}: {why}", self.card.id),
                "this key",
                Some("take it out".to_owned()),
            )),
        }
    }

    fn resolve(&self) -> Resolved<Protocol> {
        let (config, card) = (self.config, self.card);
        let task = self.task()?;
        let intensities = card.choices.au_scale == AuScale::Intensity;
        // What features made elsewhere offer is known from their data only.
        let table = card.is_table();
        self.only(
            task != Task::ActionUnits,
            &["classes", "exclude_classes"],
            "action units have no classes",
        )?;
        self.only(
            task == Task::ValenceArousal,
            &["dimensions"],
            "only valence and arousal are dimensions",
        )?;
        self.only(
            task == Task::ActionUnits,
            &["action_units", "au_threshold"],
            "the task is not action units",
        )?;
        self.only(intensities, &["au_threshold"], "its labels are 0 or 1 already")?;
        self.only(!card.releases().is_empty(), &["release"], "there is one release only")?;
        self.only(card.choices.images, &["images"], "it has one form of its images only")?;
        self.only(card.choices.camera, &["camera"], "it has one camera only")?;
        self.only(
            !card.bad_frames.is_empty(),
            &["frames"],
            "it has no error log of frames",
        )?;
        self.only(
            !card.folds.is_empty() || table,
            &["folds"],
            "it has a division into training and test of its own",
        )?;
        self.only(
            !card.folds.is_empty(),
            &["fold_list", "fold_list_digest"],
            "it has a division into training and test of its own",
        )?;
        self.only(
            card.choices.split_list,
            &["split_list", "split_list_digest"],
            "it has a split of its own",
        )?;
        self.only(
            card.choices.split_list || table,
            &["split_seed", "test_share"],
            "it has a split of its own",
        )?;
        if config.sampling == Sampling::Balanced && task != Task::Expression {
            return self.wrong(
                "sampling",
                "`balanced` draws every class equally often, and only expressions have classes".to_owned(),
                "needs classes",
                Some("use sampling = \"plain\"".to_owned()),
            );
        }
        let drawn = config.train_share < 1.0 || config.label_noise > 0.0;
        self.only(
            drawn,
            &["draw_seed"],
            "nothing is drawn, as train_share is 1 and label_noise 0",
        )?;
        let classes = self.classes(task)?;
        let mut seeds = config.seeds.clone();
        seeds.sort_unstable();
        let mut protocol = Protocol {
            task,
            some_classes: classes.len() < card.classes.len(),
            classes,
            dimensions: self.dimensions(task)?,
            action_units: self.action_units(task)?,
            au_threshold: match config.au_threshold {
                // Labels of 0 and 1 need none; the import asks for one where it finds intensities.
                None if table => None,
                written => (task == Task::ActionUnits && intensities).then(|| written.unwrap_or(AuThreshold::PAPER)),
            },
            unknown: {
                let mut unknown = config.unknown.clone();
                unknown.sort_by(f64::total_cmp);
                unknown.dedup();
                unknown
            },
            release: self.release()?,
            images: card.choices.images.then(|| config.images.unwrap_or_default()),
            frames: (!card.bad_frames.is_empty()).then(|| config.frames.unwrap_or_default()),
            camera: card.choices.camera.then(|| config.camera.unwrap_or_default()),
            folds: Vec::new(),
            fold_list: None,
            fold_list_digest: None,
            split_list: None,
            split_list_digest: None,
            split_seed: None,
            test_share: None,
            relabel: None,
            relabel_digest: None,
            sampling: config.sampling,
            duplicates: config.duplicates,
            missing: config.missing,
            selection: config.selection,
            validation: config.validation,
            validation_seed: config.validation_seed,
            train_share: config.train_share,
            label_noise: config.label_noise,
            draw_seed: drawn.then_some(config.draw_seed),
            seeds,
            folds_from_file: false,
        };
        self.folds(&mut protocol)?;
        self.split(&mut protocol)?;
        self.relabel(&mut protocol)?;
        Ok(protocol)
    }

    fn task(&self) -> Resolved<Task> {
        let card = self.card;
        let task = self
            .config
            .task
            .or(card.tasks.first().copied())
            .unwrap_or(Task::Expression);
        if card.tasks.contains(&task) {
            return Ok(task);
        }
        self.wrong(
            "task",
            format!("the database {} has no labels for this task", card.id),
            "not one of its tasks",
            None,
        )
    }

    fn known_class(&self, key: &str, wanted: &[String], all: &[String]) -> Resolved<()> {
        let Some(unknown) = wanted.iter().find(|name| find_class(all, name).is_none()) else {
            return Ok(());
        };
        let close = nearest(unknown, all).map(|name| format!("did you mean \"{name}\"? "));
        self.wrong(
            key,
            format!("`{unknown}` is not a class of {}", self.card.id),
            "unknown class",
            Some(format!(
                "{}its classes are {}",
                close.unwrap_or_default(),
                all.join(", ")
            )),
        )
    }

    fn classes(&self, task: Task) -> Resolved<Vec<String>> {
        if task == Task::ActionUnits {
            return Ok(Vec::new());
        }
        let all = self.card.class_names();
        let config = self.config;
        if self.card.is_table() && all.is_empty() {
            // Checked when the labels are read.
            if !config.exclude_classes.is_empty() {
                return self.wrong(
                    "exclude_classes",
                    "the classes of this table are not listed".to_owned(),
                    "out of an unknown list",
                    Some("list them as dataset.table.classes, or those that take part as protocol.classes".to_owned()),
                );
            }
            let wanted = config.classes.clone().unwrap_or_default();
            if let Some((one, other)) = same_class(&wanted) {
                return self.wrong(
                    "classes",
                    format!(
                        "`{one}` and `{other}` are one class: names are compared without regard to case and spaces"
                    ),
                    "one class twice",
                    None,
                );
            }
            if task == Task::Expression && wanted.len() == 1 {
                return self.wrong("classes", "at least two classes are needed".to_owned(), "too few", None);
            }
            return Ok(wanted);
        }
        self.known_class("classes", config.classes.as_deref().unwrap_or_default(), &all)?;
        self.known_class("exclude_classes", &config.exclude_classes, &all)?;
        let takes_part = |name: &String| {
            let among = |listed: &Vec<String>| find_class(listed, name).is_some();
            config.classes.as_ref().is_none_or(among) && !among(&config.exclude_classes)
        };
        let least = if task == Task::Expression { 2 } else { 1 };
        let any = !all.is_empty();
        let left: Vec<String> = all.into_iter().filter(takes_part).collect();
        if any && left.len() < least {
            return self.wrong("classes", "at least two classes are needed".to_owned(), "too few", None);
        }
        Ok(left)
    }

    fn dimensions(&self, task: Task) -> Resolved<Vec<String>> {
        if task != Task::ValenceArousal {
            return Ok(Vec::new());
        }
        let all = ["valence".to_owned(), "arousal".to_owned()];
        let Some(wanted) = &self.config.dimensions else {
            return Ok(all.to_vec());
        };
        if wanted.is_empty() || wanted.iter().any(|name| !all.contains(name)) {
            return self.wrong(
                "dimensions",
                "dimensions are \"valence\", \"arousal\" or both".to_owned(),
                "not a list of these",
                None,
            );
        }
        Ok(all.into_iter().filter(|name| wanted.contains(name)).collect())
    }

    fn action_units(&self, task: Task) -> Resolved<Vec<u8>> {
        if task != Task::ActionUnits {
            return Ok(Vec::new());
        }
        let card = self.card;
        let usual = if card.choices.action_units.is_empty() {
            &card.aus
        } else {
            &card.choices.action_units
        };
        let wanted: BTreeSet<u8> = self
            .config
            .action_units
            .as_ref()
            .unwrap_or(usual)
            .iter()
            .copied()
            .collect();
        if card.is_table() && card.aus.is_empty() {
            // Checked when the labels are read.
            return Ok(wanted.into_iter().collect());
        }
        let known: Vec<String> = card.aus.iter().map(u8::to_string).collect();
        if let Some(unknown) = wanted.iter().find(|au| !card.aus.contains(au)) {
            return self.wrong(
                "action_units",
                format!("{} has no labels of action unit {unknown}", card.id),
                "not one of its action units",
                Some(format!("it has {}", known.join(", "))),
            );
        }
        if wanted.is_empty() {
            return self.wrong(
                "action_units",
                "at least one action unit is needed".to_owned(),
                "an empty list",
                Some(format!("{} has {}", card.id, known.join(", "))),
            );
        }
        Ok(wanted.into_iter().collect())
    }

    fn release(&self) -> Resolved<Option<String>> {
        let Some(wanted) = &self.config.release else {
            return Ok(None);
        };
        let mut known = self.card.releases();
        known.extend(self.card.layouts.iter().map(|layout| layout.name.clone()));
        if known.contains(wanted) {
            return Ok(Some(wanted.clone()));
        }
        let close = nearest(wanted, &known).map(|name| format!("did you mean \"{name}\"? "));
        self.wrong(
            "release",
            format!("`{wanted}` is neither a release nor a layout of {}", self.card.id),
            "unknown release",
            Some(format!("{}known are {}", close.unwrap_or_default(), known.join(", "))),
        )
    }

    /// Folds, where they come from, and the digest of who belongs where.
    fn folds(&self, protocol: &mut Protocol) -> Resolved<()> {
        let (config, card) = (self.config, self.card);
        if card.is_table() {
            protocol.folds = config.folds.clone().unwrap_or_default();
            protocol.folds.sort_unstable();
            return Ok(());
        }
        if card.folds.is_empty() {
            return Ok(());
        }
        let list = config
            .fold_list
            .clone()
            .unwrap_or_else(|| card.choices.fold_set.clone());
        protocol.folds_from_file = list != card.choices.fold_set;
        let subjects = if protocol.folds_from_file {
            match read_folds(Path::new(&list)) {
                Ok(subjects) => subjects,
                Err(error) => {
                    return self.wrong(
                        "fold_list",
                        error.to_string(),
                        "neither the card's folds nor a readable file",
                        Some(format!(
                            "the card's folds are called \"{}\"; a file has lines such as `SN001,1`",
                            card.choices.fold_set
                        )),
                    );
                }
            }
        } else {
            card.fold_of_subjects()
        };
        let mut digest = Digest::new("folds");
        for (subject, fold) in &subjects {
            digest = digest.part(subject, fold.to_string());
        }
        let digest = digest.finish()[..16].to_owned();
        self.same_digest("fold_list_digest", config.fold_list_digest.as_deref(), &digest, &list)?;
        let there: BTreeSet<i32> = subjects.into_values().collect();
        if there.len() < 2 {
            return self.wrong(
                "fold_list",
                format!("`{list}` names {} fold(s); at least 2 are needed", there.len()),
                "too few",
                None,
            );
        }
        let mut folds = config.folds.clone().unwrap_or_else(|| there.iter().copied().collect());
        folds.sort_unstable();
        if let Some(unknown) = folds.iter().find(|fold| !there.contains(fold)) {
            let there: Vec<String> = there.iter().map(i32::to_string).collect();
            return self.wrong(
                "folds",
                format!("there is no fold {unknown} in `{list}`"),
                "unknown fold",
                Some(format!("its folds are {}", there.join(", "))),
            );
        }
        protocol.folds = folds;
        protocol.fold_list = Some(list);
        protocol.fold_list_digest = Some(digest);
        Ok(())
    }

    /// The split of a database that has no official one.
    fn split(&self, protocol: &mut Protocol) -> Resolved<()> {
        let config = self.config;
        if self.card.is_table() {
            protocol.split_seed = Some(config.split_seed.unwrap_or_default());
            protocol.test_share = Some(config.test_share.unwrap_or(crate::dataset::options::TEST_SHARE));
            return Ok(());
        }
        if !self.card.choices.split_list {
            return Ok(());
        }
        let Some(list) = &config.split_list else {
            self.only(
                self.tree.has("protocol.split_list"),
                &["split_list_digest"],
                "no split_list is named",
            )?;
            protocol.split_seed = Some(config.split_seed.unwrap_or_default());
            protocol.test_share = Some(config.test_share.unwrap_or(crate::dataset::options::TEST_SHARE));
            return Ok(());
        };
        self.only(
            false,
            &["split_seed", "test_share"],
            "protocol.split_list already says which images are test images",
        )?;
        let digest = match crate::digest::of_file(Path::new(list)) {
            Ok(digest) => digest[..16].to_owned(),
            Err(error) => {
                return self.wrong(
                    "split_list",
                    error.to_string(),
                    "cannot be read",
                    Some("a split list has lines such as `N_0000000001_00001.jpg,test`".to_owned()),
                );
            }
        };
        self.same_digest("split_list_digest", config.split_list_digest.as_deref(), &digest, list)?;
        protocol.split_list = Some(list.clone());
        protocol.split_list_digest = Some(digest);
        Ok(())
    }

    /// The file with reviewed labels, and the digest of its bytes.
    fn relabel(&self, protocol: &mut Protocol) -> Resolved<()> {
        let config = self.config;
        let Some(written) = config.relabel.as_deref().filter(|path| !path.is_empty()) else {
            return self.only(false, &["relabel_digest"], "protocol.relabel names no file");
        };
        let path = self.beside("relabel", written);
        let digest = match crate::digest::of_file(&path) {
            Ok(digest) => digest[..16].to_owned(),
            Err(error) => {
                return self.wrong(
                    "relabel",
                    error.to_string(),
                    "cannot be read",
                    Some(
                        "a list of reviewed labels has lines such as `train_00001_aligned,expression,fear,change,surprise`; a path \
                         begins at the folder of the recipe in which it is written"
                            .to_owned(),
                    ),
                );
            }
        };
        self.same_digest("relabel_digest", config.relabel_digest.as_deref(), &digest, written)?;
        protocol.relabel = Some(path.display().to_string());
        protocol.relabel_digest = Some(digest);
        Ok(())
    }

    /// A path that stands at `key`: from the folder of the recipe in which it is written, or from where the program was called if it
    /// was an override. Absolute, so that the resolved recipe names it from wherever it lies.
    fn beside(&self, key: &str, written: &str) -> PathBuf {
        let place = self.tree.place_of(&format!("protocol.{key}"), false);
        let folder = match place.file() {
            OVERRIDE => Path::new(""),
            file => Path::new(file).parent().unwrap_or(Path::new("")),
        };
        let path = folder.join(written);
        // Fails for a path of no letters alone, and where nobody knows where the program was called.
        std::path::absolute(&path).unwrap_or(path)
    }

    fn same_digest(&self, key: &str, wanted: Option<&str>, found: &str, list: &str) -> Resolved<()> {
        match wanted {
            Some(wanted) if wanted != found => self.wrong(
                key,
                format!("`{list}` has the digest {found}, not {wanted}: it is another list"),
                "the digest that was asked for",
                Some("take this key out, or name the list that the recipe was made with".to_owned()),
            ),
            _ => Ok(()),
        }
    }
}
