//! The mappings that the program carries, one a tool, and the words that are the same everywhere.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use include_dir::include_dir;
use serde::{Deserialize, Serialize};

use crate::action_unit::ActionUnit;
use crate::document::assets::Embedded;
use crate::document::tree::Node;
use crate::error::{Context, Result};
use crate::regular;
use crate::spelling::class_key;

use super::config::ScoreConfig;
use super::frame::{Kind, Offer};

static MAPPINGS: Embedded = Embedded::new(include_dir!("$CARGO_MANIFEST_DIR/mappings"), "mappings");

/// The file with words instead of a tool.
const WORDS: &str = "words";

/// Names of the tools whose files are known, sorted.
pub fn tools() -> Vec<String> {
    let mut names = MAPPINGS.documents();
    names.retain(|name| name != WORDS);
    names
}

/// The mapping of a tool: one of [`tools`], or a TOML file; `None` if `tool` is neither.
///
/// # Errors
/// [`crate::Error::Io`] if a file cannot be read, [`crate::Error::Document`] if it is no mapping.
pub fn of_tool(tool: &str) -> Result<Option<ScoreConfig>> {
    if let Some(text) = MAPPINGS.text(&format!("{tool}.toml")).filter(|_| tool != WORDS) {
        return parse(&MAPPINGS.shown(&format!("{tool}.toml")), text, tool).map(Some);
    }
    if !Path::new(tool)
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("toml"))
    {
        return Ok(None);
    }
    let path = Path::new(tool);
    let text = regular::text(path).at("read", path)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    parse(tool, &text, &stem).map(Some)
}

fn parse(origin: &str, text: &str, name: &str) -> Result<ScoreConfig> {
    let tree = Node::parse("mapping", origin, text)?;
    let config: ScoreConfig = tree.read()?;
    config.validate().map_err(|invalid| tree.invalid(&invalid))?;
    let tool = if config.tool.is_empty() {
        name.to_owned()
    } else {
        config.tool.clone()
    };
    Ok(ScoreConfig { tool, ..config })
}

/// The tool whose columns these are: of those that are known by columns that are all there, the one with most.
///
/// # Errors
/// As [`of_tool`]; the program's own mappings are sound.
pub fn recognised(offer: &Offer) -> Result<Option<ScoreConfig>> {
    let mut best: Option<ScoreConfig> = None;
    for tool in tools() {
        let Some(mapping) = of_tool(&tool)? else { continue };
        let there = |name: &String| offer.iter().any(|(column, _)| column == name);
        let more = best
            .as_ref()
            .is_none_or(|best| mapping.known_by.len() > best.known_by.len());
        if !mapping.known_by.is_empty() && mapping.known_by.iter().all(there) && more {
            best = Some(mapping);
        }
    }
    Ok(best)
}

/// What columns and classes are usually called: `mappings/words.toml`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    /// Other words for a class, by the word that the cards use.
    classes: BTreeMap<String, Vec<String>>,
    /// Usual names of columns, by what they mean, the surest first.
    columns: BTreeMap<String, Vec<String>>,
    /// What may stand before or behind the name of a class, a dimension or a unit in the name of a column.
    affixes: Vec<String>,
}

static WORDS_READ: LazyLock<Words> = LazyLock::new(|| {
    let text = MAPPINGS.text("words.toml").unwrap_or_default();
    toml::from_str(text).unwrap_or_else(|_| Words {
        classes: BTreeMap::new(),
        columns: BTreeMap::new(),
        affixes: Vec::new(),
    })
});

/// What is equal for all words for one class: `Happy`, `happiness`, `joy`.
pub fn class_of(word: &str) -> String {
    let key = class_key(&word.replace('_', " "));
    let known = WORDS_READ.classes.iter();
    known
        .into_iter()
        .find(|(class, words)| class_key(class) == key || words.iter().any(|other| class_key(other) == key))
        .map_or(key, |(class, _)| class_key(class))
}

/// Whether a word is one for a class of expression that is known.
pub fn is_class(word: &str) -> bool {
    WORDS_READ.classes.contains_key(&class_of(word))
}

/// The first of the usual names for what `meaning` says that is a column of this kind.
pub fn usual(offer: &Offer, meaning: &str, list: bool) -> Option<String> {
    let fits = |kind: &Kind| matches!(kind, Kind::List(_)) == list;
    let names = WORDS_READ.columns.get(meaning).into_iter().flatten();
    names
        .filter_map(|usual| {
            offer
                .iter()
                .find(|(name, kind)| name.eq_ignore_ascii_case(usual) && fits(kind))
        })
        .map(|(name, _)| name.clone())
        .next()
}

/// What may be the name of a class, a dimension or a unit within the name of a column: the whole of it, and what is left without
/// the usual words around it (`prob_happy`, `emotion.happy`).
pub fn bare(column: &str) -> Vec<&str> {
    let mut all = vec![column];
    for affix in &WORDS_READ.affixes {
        let within = |text: &str| {
            text.get(..affix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(affix))
        };
        if within(column) {
            all.push(&column[affix.len()..]);
        }
        let ending = column.len().checked_sub(affix.len()).and_then(|at| column.get(at..));
        if ending.is_some_and(|ending| ending.eq_ignore_ascii_case(affix)) {
            all.push(&column[..column.len() - affix.len()]);
        }
    }
    all.retain(|name| !name.is_empty());
    all
}

/// The unit that a column is called after.
pub fn unit_of(column: &str) -> Option<ActionUnit> {
    bare(column).into_iter().find_map(ActionUnit::named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mapping_is_read_and_says_how_it_is_known() {
        let tools = tools();
        for tool in [
            "emotiefflib",
            "libreface",
            "openface2",
            "openface3",
            "poster++",
            "py-feat",
        ] {
            assert!(tools.iter().any(|name| name == tool), "{tool} is not among {tools:?}");
        }
        for tool in &tools {
            let mapping = of_tool(tool).unwrap().unwrap();
            assert_eq!(&mapping.tool, tool);
            assert!(!mapping.title.is_empty() && !mapping.source.is_empty(), "{tool}");
        }
        assert!(!WORDS_READ.classes.is_empty() && !WORDS_READ.columns.is_empty());
    }

    #[test]
    fn words_for_one_class_are_one_class() {
        for (one, other) in [
            ("Happy", "happiness"),
            ("Joy", "HAPPINESS"),
            ("Angry", "anger"),
            ("surprised", "Surprise"),
        ] {
            assert_eq!(class_of(one), class_of(other), "{one} {other}");
        }
        assert_ne!(class_of("fear"), class_of("surprise"));
        assert!(is_class("Contempt") && !is_class("confused about it"));
        assert!(bare("prob_happy").contains(&"happy"));
        assert_eq!(unit_of("AU12_prob"), ActionUnit::new(12));
    }
}
