//! A card is a TOML file. Those under `datasets/` are built into the program; any other can be named by its path.

use std::path::Path;

use include_dir::include_dir;

use crate::document::assets::{Asset, Embedded};
use crate::document::extends::Extending;
use crate::document::mistake::Mistake;
use crate::document::suggest::nearest;
use crate::document::tree::Node;
use crate::error::{Error, Result};

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
        if path.is_file() {
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

fn cards<'a>(read: &'a dyn Fn(&Path) -> std::result::Result<Asset, String>) -> Extending<'a> {
    Extending {
        document: DOCUMENT,
        read,
        prepare: std::convert::identity,
        advice: &|| format!("cards built into the program: {}", Card::names().join(", ")),
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

/// A file, or the built-in card of this name: a user's card may say `extends = "rafdb"` or `extends = "rafdb.toml"`.
fn on_disk(path: &Path) -> std::result::Result<Asset, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Asset {
            text: text.into(),
            shown: path.display().to_string(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            built_in(Path::new(&format!("{name}.toml"))).map_err(|_| "there is no such file or card".to_owned())
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
