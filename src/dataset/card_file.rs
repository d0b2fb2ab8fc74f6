//! A card is a TOML file. Those under `datasets/` are built into the program; any other can be named by its path.

use std::path::{Path, PathBuf};

use include_dir::include_dir;
use serde_json::{Value, json};

use crate::document::assets::{Asset, Embedded};
use crate::document::extends::Extending;
use crate::document::mistake::Mistake;
use crate::document::suggest::nearest;
use crate::document::tree::Node;
use crate::error::{Error, Result};
use crate::regular;
use crate::there;

use super::card::{CARD_SCHEMA, Card};

static CARDS: Embedded = Embedded::new(include_dir!("$CARGO_MANIFEST_DIR/datasets"), "datasets");

/// What a card is called where a mistake in it is shown.
const DOCUMENT: &str = "dataset card";

impl Card {
    /// Names of the cards that are built in, sorted.
    pub fn names() -> Vec<String> {
        CARDS.documents()
    }

    /// The card with this name, or the one in the file with this path.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no such card (with the nearest name); [`Error::Document`] with file, line and advice if
    /// the card is wrong.
    pub fn load(name_or_path: &str) -> Result<Self> {
        let file = format!("{name_or_path}.toml");
        if CARDS.bytes(&file).is_some() {
            let tree = cards(&built_in).load(Path::new(&file), None)?;
            return Ok(checked(&tree)?);
        }
        let path = Path::new(name_or_path);
        if there::is_file(path)? {
            let tree = cards(&on_disk).load(path, None)?;
            return Ok(checked(&tree)?);
        }
        let names = Self::names();
        let nearest =
            nearest(name_or_path, &names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        Err(Error::Usage(format!(
            "there is no dataset card `{name_or_path}`: expected one of {}, or the path of a card file{nearest}",
            names.join(", ")
        )))
    }

    /// Reads a card from TOML that extends nothing; `file` is named in errors.
    ///
    /// # Errors
    /// [`Error::Document`] with file, line and advice.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        Ok(checked(&Node::parse(DOCUMENT, file, text)?)?)
    }
}

/// What a card file may say, as JSON Schema, for editors: a card that extends another one may leave anything out.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(Card).to_value();
    schema["properties"]["extends"] = json!({
        "description": "Path of a card, relative to this one, or the name of a built-in card, whose values this one takes over: \
                        tables are merged key by key, lists are replaced.",
        "type": "string",
    });
    if let Some(required) = schema.as_object_mut().and_then(|words| words.remove("required")) {
        schema["anyOf"] = json!([{ "required": ["extends"] }, { "required": required }]);
    }
    schema
}

fn checked(tree: &Node) -> std::result::Result<Card, Box<Mistake>> {
    let schema = tree.get("schema").map(Node::to_value);
    if let Some(toml::Value::Integer(found)) = schema
        && found != i64::from(CARD_SCHEMA)
    {
        return Err(tree.invalid(&("schema".to_owned(), format!("expected {CARD_SCHEMA}, found {found}"))));
    }
    let card: Card = tree.read()?;
    card.validate().map_err(|invalid| tree.invalid(&invalid))?;
    Ok(card)
}

fn cards(read: &dyn Fn(&Path) -> std::result::Result<Asset, String>) -> Extending<'_> {
    Extending {
        document: DOCUMENT,
        place: |folder, written| folder.join(written),
        read,
        prepare: std::convert::identity,
        lay: Node::overlaid,
        advice: &|_| format!("cards built into the program: {}", Card::names().join(", ")),
    }
}

/// A file below `datasets/` in the program.
fn built_in(path: &Path) -> std::result::Result<Asset, String> {
    let name = path.to_str().unwrap_or_default();
    Ok(Asset {
        text: CARDS.text(name).ok_or("there is no such card in the program")?.into(),
        shown: CARDS.shown(name),
    })
}

/// A file, or the built-in card of this name: a user's card may say `extends = "rafdb"` or `extends = "rafdb.toml"`, and a
/// copy of a built-in card extends what that one does.
fn on_disk(path: &Path) -> std::result::Result<Asset, String> {
    match regular::text(path) {
        Ok(text) => Ok(Asset {
            text: text.into(),
            shown: path.display().to_string(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // The path was joined to the card's folder: what was written is one of its ends.
            let parts: Vec<_> = path.components().collect();
            let ends = (0..parts.len()).map(|i| parts[i..].iter().collect::<PathBuf>());
            ends.flat_map(|end| [end.with_extension("toml"), end])
                .find_map(|end| built_in(&end).ok())
                .ok_or_else(|| "there is no such file or card".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Split;

    fn complaint(error: Error) -> String {
        match error {
            Error::Document(mistake) => mistake.one_line(),
            other => panic!("expected a mistake in a document: {other}"),
        }
    }

    #[test]
    fn built_in_cards_are_sound() {
        let names = Card::names();
        assert!(names.contains(&"rafdb".to_owned()));
        for name in names {
            let card = Card::load(&name).unwrap();
            assert_eq!(card.id, name);
        }
        let card = Card::load("rafdb").unwrap();
        assert_eq!(card.class_of_label(4), card.class_index("happiness"));
        assert_eq!(card.class_of_text("4_Happy"), card.class_index("happiness"));
        assert_eq!(card.expected(Split::Train, "original").unwrap().0, Some(12_271));
        assert_eq!(card.expected(Split::Test, "kaggle").unwrap().0, Some(3_068));
    }

    #[test]
    fn unknown_cards_get_a_suggestion() {
        let error = Card::load("rafdv").unwrap_err().to_string();
        assert!(error.contains("did you mean `rafdb`?"), "{error}");
    }

    #[test]
    fn mistakes_name_file_line_and_key() {
        let text = CARDS.text("rafdb.toml").unwrap();
        let line = |needle: &str| text.lines().position(|line| line.contains(needle)).unwrap() + 1;
        for (right, wrong, told) in [
            (
                "samples = 12271",
                "samples = \"many\"",
                "wrong value for `split[0].samples`: invalid type: string \"many\"",
            ),
            (
                "samples = 12271",
                "samples = 12270",
                "expected 12271, the sum of the classes",
            ),
            (
                "reader = \"rafdb_list\"",
                "reader = \"nothing\"",
                "impossible value for `layout[0].reader`: there is no reader `nothing`",
            ),
            ("about =", "abuot =", "unknown key `abuot`; did you mean `about`?"),
        ] {
            let error = complaint(Card::parse(&text.replace(right, wrong), "mine.toml").unwrap_err());
            let place = format!("mine.toml:{}: ", line(right));
            assert!(error.starts_with(&place) && error.contains(told), "{error}");
        }
    }

    #[test]
    fn the_cards_of_affectnet_share_what_they_say_alike() {
        let card = |name| Card::load(name).unwrap();
        let (seven, eight, va) = (card("affectnet7"), card("affectnet8"), card("affectnet_va"));
        for other in [&seven, &va] {
            assert_eq!((&other.licence, &other.citation), (&eight.licence, &eight.citation));
        }
        assert_eq!((&seven.layouts, &seven.notes), (&eight.layouts, &eight.notes));
        let counts = [&seven, &eight, &va].map(|card| (card.classes.len(), card.others.len(), card.splits[0].samples));
        assert_eq!(
            counts,
            [(7, 4, Some(283_901)), (8, 3, Some(287_651)), (9, 2, Some(320_739))]
        );
    }

    #[test]
    fn a_card_may_extend_another() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let mine = write(
            "mine.toml",
            "extends = \"rafdb\"\nid = \"mine\"\n[licence]\nterms = \"Ours.\"\n",
        );
        let (card, rafdb) = (Card::load(&mine).unwrap(), Card::load("rafdb").unwrap());
        assert_eq!((card.id.as_str(), card.licence.terms.as_str()), ("mine", "Ours."));
        assert_eq!(card.licence.page, rafdb.licence.page);
        assert_eq!((card.classes, card.layouts), (rafdb.classes, rafdb.layouts));

        let copy = write("copy.toml", CARDS.text("affectnet8.toml").unwrap());
        assert_eq!(Card::load(&copy).unwrap(), Card::load("affectnet8").unwrap());

        let theirs = write("theirs.toml", "extends = \"mine.toml\"\nid = \"theirs\"\nlicense = 1\n");
        let error = complaint(Card::load(&theirs).unwrap_err());
        assert!(
            error.contains("theirs.toml:3: unknown key `license`; did you mean `licence`?"),
            "{error}"
        );
        write("mine.toml", "extends = \"theirs.toml\"\n");
        let error = complaint(Card::load(&mine).unwrap_err());
        assert!(error.contains("goes round in a circle"), "{error}");
        let none = write("none.toml", "extends = \"nobody.toml\"\n");
        let error = complaint(Card::load(&none).unwrap_err());
        assert!(
            error.contains("none.toml:1: cannot read the dataset card") && error.contains("affectnet7"),
            "{error}"
        );
    }
}
