//! TOML as a tree that remembers where each key and value stands, so that a mistake found after `extends` and overrides
//! were merged is still shown with its own file, line and caret.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use miette::NamedSource;

use super::mistake::Mistake;

/// The name of the text of an override, where others have the path of their file.
pub const OVERRIDE: &str = "override";

/// A text that documents come from: a file, or one override.
#[derive(Debug)]
pub(super) struct DocumentText {
    /// What kind of file: `recipe`, `dataset card`.
    pub document: &'static str,
    /// Path, or [`OVERRIDE`].
    pub name: String,
    /// The text.
    pub text: String,
}

/// Where something stands.
#[derive(Debug, Clone)]
pub struct Place {
    pub(super) source: Arc<DocumentText>,
    pub(super) span: Range<usize>,
}

impl Place {
    /// What kind of file: `recipe`, `dataset card`.
    pub fn document(&self) -> &'static str {
        self.source.document
    }

    /// The file, or [`OVERRIDE`].
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// The source's name and the 1-based line.
    pub fn line(&self) -> (String, usize) {
        let before = self.source.text.get(..self.span.start).unwrap_or_default();
        (self.source.name.clone(), before.matches('\n').count() + 1)
    }

    /// An error that points here.
    pub fn error(&self, message: impl Into<String>, label: impl Into<String>, advice: Option<String>) -> Box<Mistake> {
        Box::new(Mistake {
            document: self.source.document,
            message: message.into(),
            source_text: NamedSource::new(&self.source.name, self.source.text.clone()).with_language("TOML"),
            span: Some((self.span.start, self.span.len()).into()),
            label: label.into(),
            advice,
        })
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where the value stands.
    pub place: Place,
    pub(super) kind: NodeKind,
}

#[derive(Debug, Clone)]
pub(super) enum NodeKind {
    Table(BTreeMap<String, NodeEntry>),
    /// A later list replaces an earlier one as a whole.
    List(Vec<Node>),
    Leaf(toml::Value),
}

#[derive(Debug, Clone)]
pub(super) struct NodeEntry {
    pub key: Place,
    pub node: Node,
}

impl Node {
    /// Lays `upper` over `self`: tables merge key by key, everything else is replaced.
    #[must_use]
    pub fn overlaid(self, upper: Self) -> Self {
        match (self.kind, upper.kind) {
            (NodeKind::Table(mut lower), NodeKind::Table(over)) => {
                for (name, entry) in over {
                    let merged = match lower.remove(&name) {
                        Some(below) => NodeEntry {
                            key: entry.key,
                            node: below.node.overlaid(entry.node),
                        },
                        None => entry,
                    };
                    lower.insert(name, merged);
                }
                Self {
                    place: upper.place,
                    kind: NodeKind::Table(lower),
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
            NodeKind::Table(entries) => entries.get(key).map(|entry| &entry.node),
            NodeKind::List(_) | NodeKind::Leaf(_) => None,
        }
    }

    /// The parts of a list; none of anything else.
    pub fn items(&self) -> &[Self] {
        match &self.kind {
            NodeKind::List(items) => items,
            NodeKind::Table(_) | NodeKind::Leaf(_) => &[],
        }
    }

    /// Puts a node at a key of a table, in place of what is there.
    pub fn put(&mut self, key: &str, node: Self) {
        if let NodeKind::Table(entries) = &mut self.kind {
            let entry = NodeEntry {
                key: node.place.clone(),
                node,
            };
            entries.insert(key.to_owned(), entry);
        }
    }

    /// Takes a key out of a table.
    pub fn remove(&mut self, key: &str) -> Option<Self> {
        match &mut self.kind {
            NodeKind::Table(entries) => entries.remove(key).map(|entry| entry.node),
            NodeKind::List(_) | NodeKind::Leaf(_) => None,
        }
    }

    /// Takes a key out of a table inside this one.
    pub fn remove_at(&mut self, table: &str, key: &str) {
        if let NodeKind::Table(entries) = &mut self.kind
            && let Some(entry) = entries.get_mut(table)
        {
            entry.node.remove(key);
        }
    }

    /// A tree with one leaf at a dotted path.
    pub fn leaf_at(path: &str, value: toml::Value, place: &Place) -> Self {
        let leaf = Self {
            place: place.clone(),
            kind: NodeKind::Leaf(value),
        };
        path.rsplit('.').fold(leaf, |node, name| Self {
            place: place.clone(),
            kind: NodeKind::Table(BTreeMap::from([(
                name.to_owned(),
                NodeEntry {
                    key: place.clone(),
                    node,
                },
            )])),
        })
    }

    /// Every leaf below this table with its dotted path, in order; a list is one leaf.
    pub fn leaves(&self) -> Vec<(String, &Self)> {
        let NodeKind::Table(entries) = &self.kind else {
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
                    NodeKind::Table(entries) => entries.get_mut(*name).map(|entry| &mut entry.node),
                    NodeKind::List(_) | NodeKind::Leaf(_) => None,
                });
            }
            if let Some(sweep) = here {
                let flat = std::mem::replace(&mut sweep.kind, NodeKind::Table(BTreeMap::new()));
                let NodeKind::Table(entries) = flat else {
                    sweep.kind = flat;
                    continue;
                };
                let mut nested = Self {
                    place: sweep.place.clone(),
                    kind: NodeKind::Table(BTreeMap::new()),
                };
                for (name, entry) in entries {
                    let one = name.rsplit('.').fold(None, |below: Option<Self>, part| {
                        let node = below.unwrap_or_else(|| entry.node.clone());
                        let entry = NodeEntry {
                            key: entry.key.clone(),
                            node,
                        };
                        Some(Self {
                            place: sweep.place.clone(),
                            kind: NodeKind::Table(BTreeMap::from([(part.to_owned(), entry)])),
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
            NodeKind::Leaf(toml::Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The plain value.
    pub fn to_value(&self) -> toml::Value {
        match &self.kind {
            NodeKind::Leaf(value) => value.clone(),
            NodeKind::List(items) => toml::Value::Array(items.iter().map(Self::to_value).collect()),
            NodeKind::Table(entries) => toml::Value::Table(
                entries
                    .iter()
                    .map(|(name, entry)| (name.clone(), entry.node.to_value()))
                    .collect(),
            ),
        }
    }

    /// The place of a dotted path, with `[i]` for a position in a list: the key's if `key` is set, else the value's; the
    /// nearest enclosing one if the path goes through defaults.
    pub fn place_of(&self, path: &str, key: bool) -> &Place {
        let mut place = &self.place;
        let mut here = self;
        let mut rest = path.trim_start_matches('.');
        while !rest.is_empty() {
            let below = match &here.kind {
                NodeKind::Table(entries) => step(entries, rest).map(|(entry, rest)| {
                    let place = if key { &entry.key } else { &entry.node.place };
                    (place, &entry.node, rest)
                }),
                NodeKind::List(items) => position(rest)
                    .and_then(|(position, rest)| Some((items.get(position)?, rest)))
                    .map(|(item, rest)| (&item.place, item, rest)),
                NodeKind::Leaf(_) => None,
            };
            let Some((at, node, after)) = below else { return place };
            place = at;
            here = node;
            rest = after.trim_start_matches('.');
        }
        place
    }

    /// Whether the dotted path is written in the document (and not only a default).
    pub fn has(&self, path: &str) -> bool {
        path.split('.').try_fold(self, |node, name| node.get(name)).is_some()
    }
}

/// The entry that a path begins with, and the path after it. Names may hold dots themselves (`"knn.acc"`): the longest that
/// fits is meant.
fn step<'a, 'p>(entries: &'a BTreeMap<String, NodeEntry>, path: &'p str) -> Option<(&'a NodeEntry, &'p str)> {
    entries
        .iter()
        .filter_map(|(name, entry)| {
            let rest = path.strip_prefix(name.as_str())?;
            (rest.is_empty() || rest.starts_with(['.', '['])).then_some((name.len(), entry, rest))
        })
        .max_by_key(|(length, ..)| *length)
        .map(|(_, entry, rest)| (entry, rest))
}

/// The position that a path begins with (`[3]`), and the path after it.
fn position(path: &str) -> Option<(usize, &str)> {
    let (number, rest) = path.strip_prefix('[')?.split_once(']')?;
    Some((number.parse().ok()?, rest))
}
