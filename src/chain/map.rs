//! Maps of what was learned: archetypes, the test samples as AURA sees them, and the same samples in the encoder's features.

use std::path::Path;

use crate::device::machine::Resolved;
use crate::digest::{Digest, stage};
use crate::disk::{atomic, parquet};
use crate::error::{Error, Result};
use crate::import;
use crate::map::{Distances, Umap};
use crate::meter::Meter;
use crate::metric::expression::argmax;
use crate::metric::separability::{neighbour_purity, silhouette, trustworthiness};
use crate::model::math::host;
use crate::record::{MapRow, SeparabilityRow};
use crate::run::folder::RunFolder;
use crate::sets::{Matrix, SplitSets};
use crate::task::Task;
use crate::train::Trained;

use super::extract::Features;
use super::state::Chain;

/// Points of a space, each a sample or an archetype.
struct Space<'a> {
    name: &'a str,
    points: Matrix,
    /// Samples first, then archetypes.
    samples: Vec<String>,
    archetypes: Vec<i32>,
    /// Classes of the samples or, in a space without samples, of the archetypes; nothing where the task has none.
    classes: Option<Vec<usize>>,
}

impl Chain<'_> {
    /// Draws the maps of the first seed (in the first fold), unless they are there; returns their digest.
    pub fn maps(
        &mut self,
        features: &Features,
        folder: &RunFolder,
        run_digest: &str,
        seeds: &[u64],
        device: &Resolved,
    ) -> Result<String> {
        let started = Meter::start();
        let config = self.recipe.report.clone();
        let fold = self.recipe.protocol.units().first().copied().flatten();
        let Some(&seed) = seeds.iter().min().filter(|_| config.map_points > 0) else {
            return Ok(String::new());
        };
        let mut digest = Digest::new("maps")
            .part("run", run_digest)
            .part("seed", seed.to_string())
            .part("points", config.map_points.to_string())
            .part("neighbours", config.map_neighbours.to_string())
            .part("min_dist", config.map_min_dist.to_string())
            .part("code", stage::MAP);
        for (name, path) in &config.features {
            let what = import::features::digest_of(Path::new(path), self.interrupt)
                .map_err(|error| of_features(name, error))?;
            digest = digest
                .part("table", name)
                .part("what", what)
                .part("code of tables", stage::IMPORT);
        }
        let digest = digest.finish();
        let here = folder.seed(fold, seed);
        let stamp = here.maps_stamp();
        if std::fs::read_to_string(&stamp).is_ok_and(|there| there == digest) {
            self.done("map", &started, true, &digest);
            return Ok(digest);
        }
        self.interrupt.check()?;
        let sets = self.load(features, fold)?.sets;
        let model = Trained::load(&here.file("model.safetensors"), &device.device)?;
        let spaces = self.spaces(&sets, &model, folder.path())?;
        let umap = Umap {
            neighbours: config.map_neighbours,
            min_dist: config.map_min_dist,
            ..Umap::default()
        };
        let (mut points, mut numbers) = (Vec::new(), Vec::new());
        for (place, space) in spaces.iter().enumerate() {
            self.interrupt.check()?;
            draw(space, place, &umap, &mut points, &mut numbers)?;
        }
        folder.unseal()?;
        parquet::write(&here.file("maps.parquet"), &points, here.origin())?;
        parquet::write(&here.file("separability.parquet"), &numbers, here.origin())?;
        atomic::write(&stamp, digest.as_bytes())?;
        self.done("map", &started, false, &digest);
        Ok(digest)
    }

    fn spaces<'a>(&'a self, sets: &SplitSets, model: &Trained, scratch: &Path) -> Result<Vec<Space<'a>>> {
        let recipe = self.recipe;
        let expressions = recipe.protocol.task == Task::Expression;
        let (ids, dictionary, labels) = kept(model)?;
        let mut spaces = vec![Space {
            name: "archetypes",
            points: dictionary.clone(),
            samples: Vec::new(),
            archetypes: ids.clone(),
            classes: expressions.then_some(labels),
        }];
        // Evenly over the test split, in the table's order.
        let n = sets.test.len();
        let count = n.min(recipe.report.map_points);
        let rows: Vec<usize> = (0..count).map(|i| i * n / count).collect();
        let chosen = sets.test.select(&rows);
        let classes = expressions.then(|| {
            let o = chosen.targets.outputs();
            chosen
                .targets
                .values
                .chunks_exact(o)
                .map(argmax)
                .collect::<Vec<usize>>()
        });
        // Samples and archetypes are unit vectors of the same space, and share a map.
        let mut shared = model.project(&chosen, self.interrupt)?;
        shared.data.extend_from_slice(&dictionary.data);
        shared.rows += dictionary.rows;
        spaces.push(Space {
            name: "aura",
            points: shared,
            samples: chosen.sample_ids.clone(),
            archetypes: ids,
            classes: classes.clone(),
        });
        spaces.push(Space {
            name: "encoder",
            points: chosen.global.all()?,
            samples: chosen.sample_ids.clone(),
            archetypes: Vec::new(),
            classes: classes.clone(),
        });
        for (name, path) in &recipe.report.features {
            spaces.push(Space {
                name,
                points: import::features::named(Path::new(path), &chosen.sample_ids, scratch, self.interrupt)
                    .map_err(|error| of_features(name, error))?,
                samples: chosen.sample_ids.clone(),
                archetypes: Vec::new(),
                classes: classes.clone(),
            });
        }
        // Too few points have no map worth drawing.
        spaces.retain(|space| space.points.rows >= 4);
        Ok(spaces)
    }
}

/// The error with the key that names the features.
fn of_features(name: &str, error: Error) -> Error {
    error.within(&format!("report.features.\"{name}\""))
}

/// The archetypes that are kept: their indices, their unit vectors, and the output that is largest in their value.
fn kept(model: &Trained) -> Result<(Vec<i32>, Matrix, Vec<usize>)> {
    let alive = host(model.alive.clone())?;
    let value = host(model.value.clone())?;
    let dictionary = host(model.dictionary.clone())?;
    let (k, o) = (alive.len(), model.names.len());
    let cols = dictionary.len() / k.max(1);
    let kept: Vec<usize> = (0..k).filter(|&i| alive[i] > 0.5).collect();
    let all = Matrix {
        rows: k,
        cols,
        data: dictionary,
    };
    Ok((
        kept.iter().map(|&i| i as i32).collect(),
        all.select(&kept),
        kept.iter().map(|&i| argmax(&value[i * o..(i + 1) * o])).collect(),
    ))
}

/// Lays out one space and measures it.
fn draw(
    space: &Space<'_>,
    place: usize,
    umap: &Umap,
    points: &mut Vec<MapRow>,
    numbers: &mut Vec<SeparabilityRow>,
) -> Result<()> {
    let distances = Distances::cosine(&space.points)?;
    let map = umap.layout(&distances)?;
    let rows = space
        .samples
        .iter()
        .map(|id| (Some(id.clone()), None))
        .chain(space.archetypes.iter().map(|&archetype| (None, Some(archetype))));
    for ((sample_id, archetype), [x, y]) in rows.zip(&map) {
        points.push(MapRow {
            place: place as i32,
            space: space.name.to_owned(),
            sample_id,
            archetype,
            x: *x,
            y: *y,
        });
    }
    let mut push = |measure: &str, value: Option<f64>, n: usize| {
        if let Some(value) = value {
            numbers.push(SeparabilityRow {
                place: place as i32,
                space: space.name.to_owned(),
                measure: measure.to_owned(),
                value,
                n: n as i64,
            });
        }
    };
    let plane = Distances::plane(&map);
    let k = umap.neighbours;
    push(
        "trustworthiness",
        trustworthiness(|i| distances.order(i), &plane.nearest(k).lists)?,
        distances.len(),
    );
    if let Some(classes) = &space.classes {
        // Of samples and archetypes on one map, the samples are judged, so that spaces can be compared.
        let n = classes.len();
        let judged = |all: &Distances| all.first(n);
        let (high, low) = (judged(&distances), judged(&plane));
        for (measure, distances) in [("", &high), ("_map", &low)] {
            let value = silhouette(classes, |i, j| f64::from(distances.row(i)[j]))?;
            push(&format!("silhouette{measure}"), value, n);
            let value = neighbour_purity(classes, &distances.nearest(k).lists);
            push(&format!("purity{measure}"), value, n);
        }
    }
    Ok(())
}
