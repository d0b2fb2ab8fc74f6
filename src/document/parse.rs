//! From the text of a document to its tree.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Mistake;
use super::tree::{DocumentText, Node, NodeEntry, NodeKind, OVERRIDE, Place};

/// Parts that a dotted key may have; the deepest that means anything has five. Trees are walked by descending into them, and
/// TOML's own reader allows 80.
const DEEPEST: usize = 32;

impl Node {
    /// Parses a whole TOML text. `document` says what kind of file it is (`recipe`), `name` which.
    ///
    /// # Errors
    /// The first syntax error, with its place.
    pub fn parse(document: &'static str, name: &str, text: &str) -> Result<Self, Box<Mistake>> {
        let source = Arc::new(DocumentText {
            document,
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
            kind: NodeKind::Table(entries(&source, table.get_ref())?),
        })
    }

    /// Parses one `key=value` override. The value is TOML; what is not valid TOML is taken as a string, so that
    /// `encoder.kind=hog` needs no quotes.
    ///
    /// # Errors
    /// If there is no `=`, or the key is not a dotted key.
    pub fn parse_override(argument: &str) -> Result<Self, Box<Mistake>> {
        let source = Arc::new(DocumentText {
            document: "recipe",
            name: OVERRIDE.to_owned(),
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
                Some("for example: train.epochs=20".to_owned()),
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
                kind: NodeKind::Leaf(toml::Value::String(value.to_owned())),
            },
        };
        shallow(&whole, path)?;
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
                    Some("for example: model.k_max=200".to_owned()),
                ));
            }
            let entry = NodeEntry {
                key: place,
                node: result,
            };
            result = Self {
                place: whole.clone(),
                kind: NodeKind::Table(BTreeMap::from([(name.to_owned(), entry)])),
            };
            end = start.saturating_sub(1);
        }
        Ok(result)
    }
}

/// Refuses a dotted key that is deeper than any there is.
fn shallow(place: &Place, key: &str) -> Result<(), Box<Mistake>> {
    let parts = key.split('.').count();
    if parts > DEEPEST {
        return Err(place.error(
            format!("a key of {parts} parts; at most {DEEPEST} mean anything"),
            "no such key",
            None,
        ));
    }
    Ok(())
}

fn entries(source: &Arc<DocumentText>, table: &DeTable<'_>) -> Result<BTreeMap<String, NodeEntry>, Box<Mistake>> {
    table
        .iter()
        .map(|(key, value)| {
            let place = Place {
                source: source.clone(),
                span: key.span(),
            };
            let name: &Cow<'_, str> = key.get_ref();
            shallow(&place, name)?;
            Ok((
                name.clone().into_owned(),
                NodeEntry {
                    key: place,
                    node: node(source, value)?,
                },
            ))
        })
        .collect()
}

fn node(source: &Arc<DocumentText>, value: &Spanned<DeValue<'_>>) -> Result<Node, Box<Mistake>> {
    let place = Place {
        source: source.clone(),
        span: value.span(),
    };
    let kind = match value.get_ref() {
        DeValue::Table(table) => NodeKind::Table(entries(source, table)?),
        DeValue::Array(items) => NodeKind::List(items.iter().map(|item| node(source, item)).collect::<Result<_, _>>()?),
        other => NodeKind::Leaf(leaf(&place, other)?),
    };
    Ok(Node { place, kind })
}

fn leaf(place: &Place, value: &DeValue<'_>) -> Result<toml::Value, Box<Mistake>> {
    Ok(match value {
        DeValue::String(text) => {
            if let Some(control) = text.chars().find(|&c| c.is_control() && !matches!(c, '\n' | '\t')) {
                return Err(place.error(
                    format!("a text with the control character {}", control.escape_unicode()),
                    "no name, path or title has one",
                    None,
                ));
            }
            toml::Value::String(text.clone().into_owned())
        }
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
        // Lists and tables are nodes of their own.
        DeValue::Array(_) | DeValue::Table(_) => return Err(place.error("a single value is expected", "here", None)),
    })
}

/// Moves every place below `node` by `offset`: the value of an override is parsed apart from its key.
fn shift(node: Node, offset: usize, source: &Arc<DocumentText>) -> Node {
    let moved = |place: Place| Place {
        source: source.clone(),
        span: place.span.start + offset..place.span.end + offset,
    };
    let kind = match node.kind {
        NodeKind::Leaf(value) => NodeKind::Leaf(value),
        NodeKind::List(items) => NodeKind::List(items.into_iter().map(|item| shift(item, offset, source)).collect()),
        NodeKind::Table(entries) => NodeKind::Table(
            entries
                .into_iter()
                .map(|(name, entry)| {
                    (
                        name,
                        NodeEntry {
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

fn syntax_error(source: &Arc<DocumentText>, error: &toml::de::Error) -> Box<Mistake> {
    let span = error.span().unwrap_or(0..0);
    Place {
        source: source.clone(),
        span,
    }
    .error(format!("not valid TOML: {}", error.message()), "here", None)
}
