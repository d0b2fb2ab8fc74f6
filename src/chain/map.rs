//! Maps of what was learned: archetypes, the test samples as AURA sees them, and the same samples in the encoder's features.

use std::ops::Range;
use std::path::Path;

use crate::device::machine::Resolved;
use crate::digest::{Digest, stage};
use crate::disk::{atomic, parquet};
use crate::error::{Error, Result};
use crate::import;
use crate::interrupt::Interrupt;
use crate::map::{Distances, Laid, Umap};
use crate::meter::Meter;
use crate::metric::expression::argmax;
use crate::metric::separability::{neighbour_purity, silhouette, trustworthiness};
use crate::model::math::host;
use crate::progress::Progress;
use crate::record::{MapRow, SeparabilityRow};
use crate::run::folder::RunFolder;
use crate::sets::{FeatureSet, Matrix, Rows, SplitSets};
use crate::task::Task;
use crate::train::Trained;

use super::extract::Features;
use super::state::Chain;

/// Test samples that are laid out at most: all their distances are held in memory. Further ones are placed among them.
const LAID_OUT: usize = 5000;
/// Samples placed between two looks at the interrupt; whole blocks of a projection.
const BLOCK: usize = 1024;

/// Points of a space, each a sample or an archetype.
struct Space<'a> {
    name: &'a str,
    points: Matrix,
    /// Samples first, then archetypes.
    samples: Vec<String>,
    archetypes: Vec<i32>,
    /// Classes of the samples or, in a space without samples, of the archetypes; nothing where the task has none.
    classes: Option<Vec<usize>>,
    /// Samples that are placed on the map once it is there.
    further: Option<Further<'a>>,
}

/// Samples beyond those that are laid out.
struct Further<'a> {
    samples: &'a [String],
    points: Points<'a>,
}

/// Where the points of samples come from, block by block.
enum Points<'a> {
    Rows(Rows),
    Projected(&'a Trained, &'a FeatureSet),
}

impl Points<'_> {
    fn read(&self, block: Range<usize>, interrupt: &Interrupt) -> Result<Matrix> {
        match self {
            Self::Rows(rows) => rows.read(block),
            Self::Projected(model, set) => model.project(&set.select(&block.collect::<Vec<_>>()), interrupt),
        }
    }
}

/// The maps as they are drawn, one after another.
struct Drawing<'a> {
    umap: Umap,
    progress: Progress,
    interrupt: &'a Interrupt,
    place: usize,
    points: Vec<MapRow>,
    numbers: Vec<SeparabilityRow>,
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
        let mut drawing = Drawing {
            umap: Umap {
                neighbours: config.map_neighbours,
                min_dist: config.map_min_dist,
                ..Umap::default()
            },
            progress: self.progress,
            interrupt: self.interrupt,
            place: 0,
            points: Vec::new(),
            numbers: Vec::new(),
        };
        self.draw_maps(&mut drawing, &sets, &model, folder.path())?;
        folder.unseal()?;
        parquet::write(&here.file("maps.parquet"), &drawing.points, here.origin())?;
        parquet::write(&here.file("separability.parquet"), &drawing.numbers, here.origin())?;
        atomic::write(&stamp, digest.as_bytes())?;
        self.done("map", &started, false, &digest);
        Ok(digest)
    }

    /// Draws the maps of all spaces, each gone before the next one is read.
    fn draw_maps(&self, drawing: &mut Drawing<'_>, sets: &SplitSets, model: &Trained, scratch: &Path) -> Result<()> {
        let recipe = self.recipe;
        let expressions = recipe.protocol.task == Task::Expression;
        let (ids, dictionary, labels) = kept(model)?;
        drawing.add(&Space {
            name: "archetypes",
            points: dictionary.clone(),
            samples: Vec::new(),
            archetypes: ids.clone(),
            classes: expressions.then_some(labels),
            further: None,
        })?;
        let (laid, beyond) = chosen(sets.test.len(), recipe.report.map_points);
        let (laid, beyond) = (sets.test.select(&laid), sets.test.select(&beyond));
        let classes = expressions.then(|| {
            let o = laid.targets.outputs();
            laid.targets.values.chunks_exact(o).map(argmax).collect::<Vec<usize>>()
        });
        let further = |points| {
            let samples = beyond.sample_ids.as_slice();
            (!samples.is_empty()).then_some(Further { samples, points })
        };
        // Samples and archetypes are unit vectors of the same space, and share a map.
        let mut shared = model.project(&laid, self.interrupt)?;
        shared.data.extend_from_slice(&dictionary.data);
        shared.rows += dictionary.rows;
        drawing.add(&Space {
            name: "aura",
            points: shared,
            samples: laid.sample_ids.clone(),
            archetypes: ids,
            classes: classes.clone(),
            further: further(Points::Projected(model, &beyond)),
        })?;
        drawing.add(&Space {
            name: "encoder",
            points: laid.global.all()?,
            samples: laid.sample_ids.clone(),
            archetypes: Vec::new(),
            classes: classes.clone(),
            further: further(Points::Rows(beyond.global.clone())),
        })?;
        let all = [laid.sample_ids.as_slice(), &beyond.sample_ids].concat();
        for (name, path) in &recipe.report.features {
            let mut points = import::features::named(Path::new(path), &all, scratch, self.interrupt)
                .map_err(|error| of_features(name, error))?;
            let rest = Matrix {
                rows: beyond.len(),
                cols: points.cols,
                data: points.data.split_off(laid.len() * points.cols),
            };
            points.rows = laid.len();
            drawing.add(&Space {
                name,
                points,
                samples: laid.sample_ids.clone(),
                archetypes: Vec::new(),
                classes: classes.clone(),
                further: further(Points::Rows(rest.into())),
            })?;
        }
        Ok(())
    }
}

/// Rows of a test split of `n` samples of which `points` are on the maps: those that are laid out, evenly over the split, and
/// those that are placed among them, evenly over the rest.
fn chosen(n: usize, points: usize) -> (Vec<usize>, Vec<usize>) {
    let evenly = |n: usize, count: usize| (0..count).map(move |i| i * n / count);
    let points = n.min(points);
    let laid: Vec<usize> = evenly(n, points.min(LAID_OUT)).collect();
    let rest: Vec<usize> = (0..n).filter(|row| laid.binary_search(row).is_err()).collect();
    let further = evenly(rest.len(), points - laid.len()).map(|i| rest[i]).collect();
    (laid, further)
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

impl Drawing<'_> {
    /// Lays out one space, measures it, and places what is further in it. Too few points have no map worth drawing.
    fn add(&mut self, space: &Space<'_>) -> Result<()> {
        self.interrupt.check()?;
        if space.points.rows < 4 {
            return Ok(());
        }
        let distances = Distances::cosine(&space.points)?;
        let map = self.umap.layout(&distances)?;
        let samples = space.samples.iter().map(|id| (Some(id.clone()), None));
        let archetypes = space.archetypes.iter().map(|&archetype| (None, Some(archetype)));
        self.put(space.name, samples.chain(archetypes), &map);
        self.measure(space, &distances, &map)?;
        if let Some(further) = &space.further {
            self.place(space, &map, further)?;
        }
        self.place += 1;
        Ok(())
    }

    fn put(&mut self, space: &str, names: impl Iterator<Item = (Option<String>, Option<i32>)>, map: &[[f32; 2]]) {
        let place = self.place as i32;
        let row = |((sample_id, archetype), &[x, y]): ((Option<String>, Option<i32>), &[f32; 2])| MapRow {
            place,
            space: space.to_owned(),
            sample_id,
            archetype,
            x,
            y,
        };
        self.points.extend(names.zip(map).map(row));
    }

    /// Further samples are told by what is laid out, and stand in no number.
    fn place(&mut self, space: &Space<'_>, map: &[[f32; 2]], further: &Further<'_>) -> Result<()> {
        let laid = Laid::new(&space.points, map, &self.umap)?;
        let n = further.samples.len();
        let bar = self.progress.bar("map", n as u64, "samples");
        for start in (0..n).step_by(BLOCK) {
            self.interrupt.check()?;
            let block = start..n.min(start + BLOCK);
            let points = further.points.read(block.clone(), self.interrupt)?;
            let placed = laid.place(&points)?;
            bar.inc(block.len() as u64);
            let names = further.samples[block].iter().map(|id| (Some(id.clone()), None));
            self.put(space.name, names, &placed);
        }
        Ok(())
    }

    fn measure(&mut self, space: &Space<'_>, distances: &Distances, map: &[[f32; 2]]) -> Result<()> {
        let place = self.place as i32;
        let mut push = |measure: &str, value: Option<f64>, n: usize| {
            if let Some(value) = value {
                self.numbers.push(SeparabilityRow {
                    place,
                    space: space.name.to_owned(),
                    measure: measure.to_owned(),
                    value,
                    n: n as i64,
                });
            }
        };
        let plane = Distances::plane(map);
        let k = self.umap.neighbours;
        push(
            "trustworthiness",
            trustworthiness(|i| distances.order(i), &plane.nearest(k).lists)?,
            distances.len(),
        );
        if let Some(classes) = &space.classes {
            // Of samples and archetypes on one map, the samples are judged, so that spaces can be compared.
            let n = classes.len();
            let judged = |all: &Distances| all.first(n);
            let (high, low) = (judged(distances), judged(&plane));
            for (measure, distances) in [("", &high), ("_map", &low)] {
                let value = silhouette(classes, |i, j| f64::from(distances.row(i)[j]))?;
                push(&format!("silhouette{measure}"), value, n);
                let value = neighbour_purity(classes, &distances.nearest(k).lists);
                push(&format!("purity{measure}"), value, n);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_more_samples_have_those_of_a_smaller_map_and_others() {
        let (laid, further) = chosen(7, 5);
        assert_eq!((laid, further), (vec![0, 1, 2, 4, 5], vec![]));
        assert_eq!(chosen(3, 50_000), (vec![0, 1, 2], vec![]));
        assert_eq!(chosen(0, 2000), (vec![], vec![]));
        let (least, none) = chosen(12_345, 5000);
        let (laid, further) = chosen(12_345, 9000);
        assert!(none.is_empty() && least == laid && further.len() == 4000);
        let mut all = [laid, further].concat();
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] < 4));
        assert_eq!(chosen(12_345, 50_000).1.len(), 12_345 - 5000);
    }
}
