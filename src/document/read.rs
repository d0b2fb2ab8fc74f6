//! From a tree to what it says: unknown keys, wrong types and impossible values point at their place.

use serde::de::DeserializeOwned;

use super::invalid::Invalid;
use super::mistake::Mistake;
use super::suggest::nearest;
use super::tree::Node;

impl Node {
    /// Reads the tree as `T`; unknown keys, wrong types and impossible variants point at their place.
    ///
    /// # Errors
    /// The first mistake found.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Box<Mistake>> {
        serde_path_to_error::deserialize::<_, T>(self.to_value()).map_err(|error| {
            let path = error.path().to_string();
            let path = if path == "." { String::new() } else { path };
            self.explain(&path, error.inner().message())
        })
    }

    /// The mistake of a value that has the right type and is still impossible; the key is a dotted path below this node, with
    /// `[i]` for a position in a list.
    pub fn invalid(&self, (key, message): &Invalid) -> Box<Mistake> {
        self.place_of(key, false)
            .error(format!("impossible value for `{key}`: {message}"), "here", None)
    }

    /// Turns a message of serde into one for the document's author.
    fn explain(&self, path: &str, message: &str) -> Box<Mistake> {
        if let Some(found) = quoted_after(message, "unknown field ") {
            let full = if path.rsplit('.').next() == Some(found) {
                path.to_owned()
            } else {
                join(path, found)
            };
            let known = backquoted(message.split_once("expected").map_or("", |(_, rest)| rest));
            let section = full.rsplit_once('.').map_or_else(
                || format!("the {}", self.place.document()),
                |(section, _)| section.to_owned(),
            );
            return self.place_of(&full, true).error(
                format!("unknown key `{full}`"),
                "not a key of this section",
                Some(match nearest(found, &known) {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => format!("keys of {section}: {}", known.join(", ")),
                }),
            );
        }
        if let Some(found) = quoted_after(message, "unknown variant ") {
            let known = backquoted(message.split_once("expected").map_or("", |(_, rest)| rest));
            let close = nearest(found, &known)
                .map(|close| format!("did you mean \"{close}\"? "))
                .unwrap_or_default();
            return self.place_of(path, false).error(
                format!("impossible value \"{found}\" for `{path}`"),
                "not one of the values of this key",
                Some(format!("{close}it is one of: {}", known.join(", "))),
            );
        }
        let message = in_words(message.lines().next().unwrap_or(message));
        let message = message.as_str();
        if let Some(missing) = quoted_after(message, "missing field ") {
            return self.place_of(path, true).error(
                format!("`{}` is missing", join(path, missing)),
                "this section needs it",
                None,
            );
        }
        self.place_of(path, false)
            .error(format!("wrong value for `{path}`: {message}"), "here", None)
    }
}

/// Types as a document's author knows them.
fn in_words(message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once("expected ") else {
        return message.to_owned();
    };
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list, for example [0, 1, 2]",
        other => other,
    };
    format!("{found}expected {expected}")
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// The text between backquotes right after `prefix`.
fn quoted_after<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    message.strip_prefix(prefix)?.strip_prefix('`')?.split('`').next()
}

/// Every backquoted word of a text.
fn backquoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
