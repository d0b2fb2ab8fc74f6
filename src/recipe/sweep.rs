//! `[sweep]`: one recipe, many points. A study is expanded into ordinary recipes before anything runs.

use std::collections::BTreeMap;
use std::path::Path;

use crate::digest::Digest;
use crate::document::mistake::Mistake;
use crate::document::tree::Node;
use crate::error::Result;
use crate::report::ReportConfig;
use crate::run::manifest::SweepPoint;

use super::embedded::{asked, place};
use super::load::{self, RecipeOptions};
use super::resolve::{Recipe, resolve};

/// Most points of a study.
const MOST: usize = 10_000;

/// Keys of `[sweep]` that are no axes. Every axis is a dotted key, so that they cannot be confused.
const RESERVED: [&str; 2] = ["points", "recipes"];

/// One point of a study.
#[derive(Debug, Clone)]
pub struct StudyPoint {
    /// The recipe among `sweep.recipes` that it belongs to, by its name.
    pub base: Option<String>,
    /// What is set, by dotted key.
    pub set: BTreeMap<String, toml::Value>,
    /// The recipe to run.
    pub recipe: Recipe,
}

impl StudyPoint {
    /// The point in a few words: `rafdb, k_max = 150`.
    pub fn label(&self) -> String {
        let set = self.set.iter().map(|(key, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{} = {text}", last(key))
        });
        let parts: Vec<String> = self.base.iter().cloned().chain(set).collect();
        if parts.is_empty() {
            "as written".to_owned()
        } else {
            parts.join(", ")
        }
    }

    /// What the manifest says of it.
    pub fn manifest(&self, study: &str) -> SweepPoint {
        let json = |value: &toml::Value| serde_json::to_value(value).unwrap_or_default();
        SweepPoint {
            name: study.to_owned(),
            point: self.set.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
        }
    }
}

/// A recipe with `[sweep]`, expanded.
#[derive(Debug, Clone)]
pub struct Study {
    /// Its name.
    pub name: String,
    /// Title for people.
    pub title: Option<String>,
    /// Its points, in the order in which they run.
    pub points: Vec<StudyPoint>,
    /// How the report over all points looks.
    pub report: ReportConfig,
}

impl Study {
    /// Digest of all points: the address of the study's own folder.
    ///
    /// # Errors
    /// As [`Recipe::digest`].
    pub fn digest(&self) -> Result<String> {
        let mut digest = Digest::new("study");
        for point in &self.points {
            digest = digest.part("point", point.recipe.digest()?);
        }
        Ok(digest.finish())
    }

    /// Whether the faces are generated.
    pub fn stand_in(&self) -> bool {
        self.points.iter().any(|point| point.recipe.stand_in.is_some())
    }
}

/// What a recipe file asks for.
#[derive(Debug, Clone)]
pub enum Job {
    /// One run.
    Run(Box<Recipe>),
    /// One run for each point.
    Study(Box<Study>),
}

impl Job {
    /// Reads a recipe with or without `[sweep]`.
    ///
    /// # Errors
    /// A [`Mistake`] with file, line and advice (exit 2).
    pub fn load(path: &Path, options: &RecipeOptions) -> Result<Self> {
        let path = &asked(path);
        let file = load::file(path)?;
        if file.get("sweep").is_none() {
            return Ok(Self::Run(Box::new(Recipe::load(path, options)?)));
        }
        let study = expand(path, &file, options)?;
        // The overrides for generated faces are checked in every run, so that a mistake in them shows at once. Features made
        // elsewhere have none.
        let faces = !study.points.iter().any(|point| point.recipe.card.is_table());
        if faces && !options.stand_in {
            let options = RecipeOptions {
                stand_in: true,
                ..options.clone()
            };
            expand(path, &file, &options)?;
        }
        Ok(Self::Study(Box::new(study)))
    }
}

/// One axis, or one of the points written out: what it sets.
type Setting = BTreeMap<String, toml::Value>;

fn expand(path: &Path, file: &Node, options: &RecipeOptions) -> Result<Study, Box<Mistake>> {
    // Overrides and `[stand_in.override]` may change the sweep itself.
    let whole = load::overlay(file.clone(), options)?;
    let sweep = whole.get("sweep").unwrap_or(&whole);
    let title = whole.get("title").and_then(Node::as_str).map(str::to_owned);
    let name = match whole.get("name") {
        Some(name) => name.as_str().unwrap_or_default().to_owned(),
        None => load::stem(path),
    };
    let settings = settings(sweep)?;
    for argument in &options.set {
        let (key, _) = argument.split_once('=').unwrap_or((argument, ""));
        if settings.iter().any(|setting| setting.contains_key(key.trim())) {
            return Err(sweep.place.error(
                format!(
                    "the override of {} is overruled by the sweep, which sets this key itself",
                    key.trim()
                ),
                "the sweep",
                Some(format!("set the sweep's values instead: 'sweep.{}=[…]'", key.trim())),
            ));
        }
    }
    let bases = bases(path, file, sweep)?;
    let mut points: Vec<StudyPoint> = Vec::new();
    for (base, tree) in bases {
        for setting in &settings {
            let mut tree = load::overlay(tree.clone(), options)?;
            tree.remove("sweep");
            tree.remove("title");
            let mut point = Node::leaf_at(
                "name",
                toml::Value::String(run_name(&name, base.as_deref(), setting)),
                &sweep.place,
            );
            for (key, value) in setting {
                point = point.overlaid(Node::leaf_at(key, value.clone(), &sweep.place));
            }
            let recipe = resolve(path, load::laid(tree, point), options.stand_in)?;
            points.push(StudyPoint {
                base: base.clone(),
                set: setting.clone(),
                recipe,
            });
        }
    }
    distinct(sweep, &points)?;
    let report = points
        .first()
        .map(|point| point.recipe.report.clone())
        .unwrap_or_default();
    Ok(Study {
        name,
        title,
        points,
        report,
    })
}

/// The recipes that the study is laid over: those of `sweep.recipes`, or the file itself.
fn bases(path: &Path, file: &Node, sweep: &Node) -> Result<Vec<(Option<String>, Node)>, Box<Mistake>> {
    let Some(list) = sweep.get("recipes") else {
        return Ok(vec![(None, file.clone())]);
    };
    let wrong = || {
        list.place.error(
            "`sweep.recipes` is a list of paths of recipes",
            "expected for example [\"rafdb.toml\", \"emotionet.toml\"]",
            None,
        )
    };
    let toml::Value::Array(items) = list.to_value() else {
        return Err(wrong());
    };
    if items.is_empty() {
        return Err(wrong());
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut bases = Vec::new();
    for item in items {
        let named = item.as_str().ok_or_else(wrong)?;
        let base = load::file_named_by(&place(folder, Path::new(named)), list)?;
        if base.get("sweep").is_some() {
            return Err(list.place.error(
                format!("`{named}` is a study itself"),
                "a study runs recipes, not studies",
                None,
            ));
        }
        let name = match base.get("name").and_then(Node::as_str) {
            Some(name) => name.to_owned(),
            None => load::stem(Path::new(named)),
        };
        bases.push((Some(name), load::laid(base, file.clone())));
    }
    Ok(bases)
}

/// Every combination of the axes with each of the points written out.
fn settings(sweep: &Node) -> Result<Vec<Setting>, Box<Mistake>> {
    let mut all = points(sweep)?;
    let mut axes = 0;
    for (key, node) in sweep.leaves() {
        if RESERVED.contains(&key.as_str()) {
            continue;
        }
        let toml::Value::Array(values) = node.to_value() else {
            return Err(node.place.error(
                format!("`{key}` is an axis of the sweep: a list of values"),
                "expected a list",
                Some(format!("for example \"{key}\" = [{}]", node.to_value())),
            ));
        };
        if values.is_empty() || !key.contains('.') {
            let message = if values.is_empty() {
                format!("the axis `{key}` has no value")
            } else {
                format!("`{key}` is neither a dotted key of the recipe, nor `points`, nor `recipes`")
            };
            return Err(node.place.error(message, "here", None));
        }
        if let Some(setting) = all.iter().find(|setting| setting.contains_key(&key)) {
            return Err(node.place.error(
                format!("`{key}` is an axis, and a point sets it too: {setting:?}"),
                "set twice",
                None,
            ));
        }
        axes += 1;
        if all.len().saturating_mul(values.len()) > MOST {
            return Err(node.place.error(
                format!("a study has at most {MOST} points"),
                "too many combinations",
                None,
            ));
        }
        all = all
            .iter()
            .flat_map(|setting| {
                let key = &key;
                values.iter().map(move |value| {
                    let mut setting = setting.clone();
                    setting.insert(key.clone(), value.clone());
                    setting
                })
            })
            .collect();
    }
    if axes == 0 && sweep.get("points").is_none() && sweep.get("recipes").is_none() {
        return Err(sweep.place.error(
            "the sweep is empty",
            "no axis, no points, no recipes",
            Some("for example \"model.k_max\" = [150, 200, 300, 400]".to_owned()),
        ));
    }
    Ok(all)
}

/// `sweep.points`, or one point that sets nothing.
pub(crate) fn points(sweep: &Node) -> Result<Vec<Setting>, Box<Mistake>> {
    let Some(list) = sweep.get("points") else {
        return Ok(vec![Setting::new()]);
    };
    let wrong = || {
        list.place.error(
            "`sweep.points` is a list of tables",
            "expected for example [{ \"loss.lambda_arc\" = 0.5 }]",
            None,
        )
    };
    let toml::Value::Array(items) = list.to_value() else {
        return Err(wrong());
    };
    if items.is_empty() || items.len() > MOST {
        return Err(wrong());
    }
    items
        .into_iter()
        .map(|item| {
            let toml::Value::Table(table) = item else {
                return Err(wrong());
            };
            let mut setting = Setting::new();
            flatten("", table, &mut setting);
            Ok(setting)
        })
        .collect()
}

/// Tables inside tables as dotted keys.
fn flatten(prefix: &str, table: toml::Table, into: &mut Setting) {
    for (key, value) in table {
        let key = if prefix.is_empty() {
            key
        } else {
            format!("{prefix}.{key}")
        };
        match value {
            toml::Value::Table(inner) => flatten(&key, inner, into),
            value => {
                into.insert(key, value);
            }
        }
    }
}

/// Two points that are the same run would be counted twice.
fn distinct(sweep: &Node, points: &[StudyPoint]) -> Result<(), Box<Mistake>> {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for point in points {
        let mut recipe = point.recipe.clone();
        recipe.name = String::new();
        let Ok(digest) = recipe.digest() else { continue };
        if let Some(other) = seen.insert(digest, point.label()) {
            return Err(sweep.place.error(
                format!("two points of the sweep are the same: {other}; {}", point.label()),
                "the sweep",
                Some("take one of them out".to_owned()),
            ));
        }
    }
    Ok(())
}

/// Name of a point's run: the study's, and what is set, as far as it fits.
fn run_name(study: &str, base: Option<&str>, setting: &Setting) -> String {
    let mut name = study.to_owned();
    if let Some(base) = base {
        name.push('-');
        name.push_str(base);
    }
    for (key, value) in setting {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let plain: String = text
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
            .collect();
        let part = format!("-{}-{plain}", last(key));
        // The digest behind the name tells points apart in any case.
        if name.len() + part.len() <= 70 {
            name.push_str(&part);
        }
    }
    name
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}
