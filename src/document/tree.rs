//! TOML as a tree that remembers where each key and value stands, so that a mistake found after `extends` and overrides
//! were merged is still shown with its own file, line and caret.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use miette::NamedSource;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::RecipeError;
use super::suggest::nearest;

/// A text that recipes come from: a file, or one `--set` argument.
#[derive(Debug)]
pub struct Source {
    /// Path or a description such as `--set`.
    pub name: String,
    /// The text.
    pub text: String,
}

/// Where something stands.
#[derive(Debug, Clone)]
pub struct Place {
    source: Arc<Source>,
    span: Range<usize>,
}

impl Place {
    /// The file, or a description such as `--set`.
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// The source's name and the 1-based line.
    pub fn line(&self) -> (String, usize) {
        let before = self.source.text.get(..self.span.start).unwrap_or_default();
        (self.source.name.clone(), before.matches('\n').count() + 1)
    }

    /// An error that points here.
    pub fn error(
        &self,
        message: impl Into<String>,
        label: impl Into<String>,
        advice: Option<String>,
    ) -> Box<RecipeError> {
        Box::new(RecipeError {
            message: message.into(),
            source_text: NamedSource::new(&self.source.name, self.source.text.clone()).with_language("TOML"),
            span: Some((self.span.start, self.span.len()).into()),
            label: label.into(),
            advice,
        })
    }
}

/// A value and its place. Arrays are leaves: a later array replaces an earlier one as a whole.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where the value stands.
    pub place: Place,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Table(BTreeMap<String, Entry>),
    Leaf(toml::Value),
}

#[derive(Debug, Clone)]
struct Entry {
    key: Place,
    node: Node,
}

impl Node {
    /// Parses a whole TOML text.
    ///
    /// # Errors
    /// The first syntax error, with its place.
    pub fn parse(name: &str, text: &str) -> Result<Self, Box<RecipeError>> {
        let source = Arc::new(Source {
            name: name.to_owned(),
            text: text.to_owned(),
        });
        let table = DeTable::parse(text).map_err(|error| syntax_error(&source, &error))?;
        let span = table.span();
        Ok(Self {
            place: Place {
                source: source.clone(),
                span,
            },
            kind: Kind::Table(entries(&source, table.get_ref())?),
        })
    }

    /// Parses one `key=value` override. The value is TOML; what is not valid TOML is taken as a string, so that
    /// `--set encoder.kind=hog` needs no quotes.
    ///
    /// # Errors
    /// If there is no `=`, or the key is not a dotted key.
    pub fn parse_override(argument: &str) -> Result<Self, Box<RecipeError>> {
        let source = Arc::new(Source {
            name: "--set".to_owned(),
            text: argument.to_owned(),
        });
        let whole = Place {
            source: source.clone(),
            span: 0..argument.len(),
        };
        let Some((path, value)) = argument.split_once('=') else {
            return Err(whole.error(
                "an override is KEY=VALUE",
                "no '=' here",
                Some("for example: --set train.epochs=20".to_owned()),
            ));
        };
        let offset = path.len() + 1;
        let leaf = match DeValue::parse(value.trim()) {
            Ok(parsed) => {
                let start = offset + value.len() - value.trim_start().len();
                shift(node(&source, &parsed)?, start, &source)
            }
            Err(_) => Self {
                place: Place {
                    source: source.clone(),
                    span: offset..argument.len(),
                },
                kind: Kind::Leaf(toml::Value::String(value.to_owned())),
            },
        };
        let mut result = leaf;
        let mut end = path.len();
        for key in path.rsplit('.') {
            let start = end - key.len();
            let place = Place {
                source: source.clone(),
                span: start..end,
            };
            let name = key.trim();
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                return Err(place.error(
                    "an override's key is dotted names",
                    "not a name",
                    Some("for example: --set model.k_max=200".to_owned()),
                ));
            }
            let entry = Entry {
                key: place,
                node: result,
            };
            result = Self {
                place: whole.clone(),
                kind: Kind::Table(BTreeMap::from([(name.to_owned(), entry)])),
            };
            end = start.saturating_sub(1);
        }
        Ok(result)
    }

    /// Lays `upper` over `self`: tables merge key by key, everything else is replaced.
    #[must_use]
    pub fn overlaid(self, upper: Self) -> Self {
        match (self.kind, upper.kind) {
            (Kind::Table(mut lower), Kind::Table(over)) => {
                for (name, entry) in over {
                    let merged = match lower.remove(&name) {
                        Some(below) => Entry {
                            key: entry.key,
                            node: below.node.overlaid(entry.node),
                        },
                        None => entry,
                    };
                    lower.insert(name, merged);
                }
                Self {
                    place: upper.place,
                    kind: Kind::Table(lower),
                }
            }
            (_, kind) => Self {
                place: upper.place,
                kind,
            },
        }
    }

    /// The node below a key, if this is a table that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Table(entries) => entries.get(key).map(|entry| &entry.node),
            Kind::Leaf(_) => None,
        }
    }

    /// Takes a key out of a table.
    pub fn remove(&mut self, key: &str) -> Option<Self> {
        match &mut self.kind {
            Kind::Table(entries) => entries.remove(key).map(|entry| entry.node),
            Kind::Leaf(_) => None,
        }
    }

    /// Takes a key out of a table inside this one.
    pub fn remove_at(&mut self, table: &str, key: &str) {
        if let Kind::Table(entries) = &mut self.kind
            && let Some(entry) = entries.get_mut(table)
        {
            entry.node.remove(key);
        }
    }

    /// A tree with one leaf at a dotted path.
    pub fn leaf_at(path: &str, value: toml::Value, place: &Place) -> Self {
        let leaf = Self {
            place: place.clone(),
            kind: Kind::Leaf(value),
        };
        path.rsplit('.').fold(leaf, |node, name| Self {
            place: place.clone(),
            kind: Kind::Table(BTreeMap::from([(
                name.to_owned(),
                Entry {
                    key: place.clone(),
                    node,
                },
            )])),
        })
    }

    /// Every leaf below this table with its dotted path, in order.
    pub fn leaves(&self) -> Vec<(String, &Self)> {
        let Kind::Table(entries) = &self.kind else {
            return vec![(String::new(), self)];
        };
        entries
            .iter()
            .flat_map(|(name, entry)| {
                entry.node.leaves().into_iter().map(move |(path, node)| {
                    let path = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{name}.{path}")
                    };
                    (path, node)
                })
            })
            .collect()
    }

    /// Turns the quoted keys of `[sweep]` (`"model.k_max"`), also of the stand-in overrides, into tables, so that they are
    /// overlaid and set like any other dotted key.
    #[must_use]
    pub fn with_nested_sweep(mut self) -> Self {
        for path in [&["sweep"][..], &["stand_in", "override", "sweep"][..]] {
            let mut here = Some(&mut self);
            for name in path {
                here = here.and_then(|node| match &mut node.kind {
                    Kind::Table(entries) => entries.get_mut(*name).map(|entry| &mut entry.node),
                    Kind::Leaf(_) => None,
                });
            }
            if let Some(sweep) = here {
                let flat = std::mem::replace(&mut sweep.kind, Kind::Table(BTreeMap::new()));
                let Kind::Table(entries) = flat else {
                    sweep.kind = flat;
                    continue;
                };
                let mut nested = Self {
                    place: sweep.place.clone(),
                    kind: Kind::Table(BTreeMap::new()),
                };
                for (name, entry) in entries {
                    let one = name.rsplit('.').fold(None, |below: Option<Self>, part| {
                        let node = below.unwrap_or_else(|| entry.node.clone());
                        let entry = Entry {
                            key: entry.key.clone(),
                            node,
                        };
                        Some(Self {
                            place: sweep.place.clone(),
                            kind: Kind::Table(BTreeMap::from([(part.to_owned(), entry)])),
                        })
                    });
                    if let Some(one) = one {
                        nested = nested.overlaid(one);
                    }
                }
                sweep.kind = nested.kind;
            }
        }
        self
    }

    /// The text of a string leaf.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Leaf(toml::Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The plain value.
    pub fn to_value(&self) -> toml::Value {
        match &self.kind {
            Kind::Leaf(value) => value.clone(),
            Kind::Table(entries) => toml::Value::Table(
                entries
                    .iter()
                    .map(|(name, entry)| (name.clone(), entry.node.to_value()))
                    .collect(),
            ),
        }
    }

    /// The place of a dotted path: the key's if `key` is set, else the value's; the nearest enclosing one if the path
    /// goes through defaults or arrays.
    pub fn place_of(&self, path: &str, key: bool) -> &Place {
        let mut place = &self.place;
        let mut here = self;
        for name in path.split('.').filter(|name| !name.is_empty()) {
            let Kind::Table(entries) = &here.kind else { return place };
            let Some(entry) = entries.get(name) else { return place };
            place = if key { &entry.key } else { &entry.node.place };
            here = &entry.node;
        }
        place
    }

    /// Whether the dotted path is written in the recipe (and not only a default).
    pub fn has(&self, path: &str) -> bool {
        path.split('.').try_fold(self, |node, name| node.get(name)).is_some()
    }

    /// Reads the tree as `T`; unknown keys, wrong types and impossible variants point at their place.
    ///
    /// # Errors
    /// The first mistake found.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Box<RecipeError>> {
        serde_path_to_error::deserialize::<_, T>(self.to_value()).map_err(|error| {
            let path = error.path().to_string();
            let path = if path == "." { String::new() } else { path };
            self.explain(&path, error.inner().message())
        })
    }

    /// Turns a message of serde into one for the recipe's author.
    fn explain(&self, path: &str, message: &str) -> Box<RecipeError> {
        if let Some(found) = quoted_after(message, "unknown field ") {
            let full = if path.rsplit('.').next() == Some(found) {
                path.to_owned()
            } else {
                join(path, found)
            };
            let known = backquoted(message.split_once("expected").map_or("", |(_, rest)| rest));
            let section = full.rsplit_once('.').map_or("the recipe", |(section, _)| section);
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

/// Types as a recipe's author knows them.
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

fn entries(source: &Arc<Source>, table: &DeTable<'_>) -> Result<BTreeMap<String, Entry>, Box<RecipeError>> {
    table
        .iter()
        .map(|(key, value)| {
            let place = Place {
                source: source.clone(),
                span: key.span(),
            };
            let name: &Cow<'_, str> = key.get_ref();
            Ok((
                name.clone().into_owned(),
                Entry {
                    key: place,
                    node: node(source, value)?,
                },
            ))
        })
        .collect()
}

fn node(source: &Arc<Source>, value: &Spanned<DeValue<'_>>) -> Result<Node, Box<RecipeError>> {
    let place = Place {
        source: source.clone(),
        span: value.span(),
    };
    let kind = match value.get_ref() {
        DeValue::Table(table) => Kind::Table(entries(source, table)?),
        other => Kind::Leaf(leaf(&place, other)?),
    };
    Ok(Node { place, kind })
}

fn leaf(place: &Place, value: &DeValue<'_>) -> Result<toml::Value, Box<RecipeError>> {
    Ok(match value {
        DeValue::String(text) => toml::Value::String(text.clone().into_owned()),
        DeValue::Integer(number) => toml::Value::Integer(
            i64::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| place.error("the number does not fit 64 bits", "too large", None))?,
        ),
        DeValue::Float(number) => toml::Value::Float(
            number
                .as_str()
                .parse()
                .map_err(|_| place.error("not a number", "cannot be read as a number", None))?,
        ),
        DeValue::Boolean(flag) => toml::Value::Boolean(*flag),
        DeValue::Datetime(time) => toml::Value::Datetime(*time),
        DeValue::Array(items) => toml::Value::Array(
            items
                .iter()
                .map(|item| leaf(place, item.get_ref()))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => toml::Value::Table(
            table
                .iter()
                .map(|(key, item)| Ok((key.get_ref().clone().into_owned(), leaf(place, item.get_ref())?)))
                .collect::<Result<_, Box<RecipeError>>>()?,
        ),
    })
}

/// Moves every place below `node` by `offset`: a value of `--set` is parsed apart from its key.
fn shift(node: Node, offset: usize, source: &Arc<Source>) -> Node {
    let moved = |place: Place| Place {
        source: source.clone(),
        span: place.span.start + offset..place.span.end + offset,
    };
    let kind = match node.kind {
        Kind::Leaf(value) => Kind::Leaf(value),
        Kind::Table(entries) => Kind::Table(
            entries
                .into_iter()
                .map(|(name, entry)| {
                    (
                        name,
                        Entry {
                            key: moved(entry.key),
                            node: shift(entry.node, offset, source),
                        },
                    )
                })
                .collect(),
        ),
    };
    Node {
        place: moved(node.place),
        kind,
    }
}

fn syntax_error(source: &Arc<Source>, error: &toml::de::Error) -> Box<RecipeError> {
    let span = error.span().unwrap_or(0..0);
    Place {
        source: source.clone(),
        span,
    }
    .error(format!("not valid TOML: {}", error.message()), "here", None)
}
