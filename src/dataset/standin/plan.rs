//! What every image of a stand-in shows, decided before the first is drawn.

use rand::RngExt;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::action_units::Expression;
use super::modes::{Emotion, Mode};
use crate::task::Split;

/// Images a subject has on average.
const IMAGES_PER_SUBJECT: usize = 5;

/// One image to draw.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// Its `sample_id`.
    pub id: String,
    /// Relative to the root, with `/`.
    pub path: String,
    pub split: Split,
    pub subject: u32,
    pub emotion: Emotion,
    pub mode: &'static Mode,
    /// The expression written into the label file.
    pub label: Emotion,
    pub expression: Expression,
    /// Number of the sample in the plan: the key of its random streams.
    pub number: u64,
    /// Key of the stream of pose, light and camera: frames of one video share it.
    pub shot: u64,
}

impl Sample {
    /// Unique over all splits.
    pub fn subject_name(&self) -> String {
        format!("P{:05}", self.subject)
    }

    /// Unique over all emotions.
    pub fn mode_name(&self) -> String {
        format!("{}/{}", self.emotion.name(), self.mode.name)
    }

    /// Whether the label is deliberately wrong.
    pub fn flipped(&self) -> bool {
        self.label != self.emotion
    }
}

/// The random stream of one purpose and number.
pub(super) fn stream(seed: u64, purpose: &str, number: u64) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"aura-bench stand-in ");
    hasher.update(&seed.to_le_bytes());
    hasher.update(&number.to_le_bytes());
    hasher.update(purpose.as_bytes());
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// Divides `total` in the proportions of `weights` by largest remainders; with enough to go round, everyone gets one.
pub(super) fn apportion(total: usize, weights: &[usize]) -> Vec<usize> {
    let sum: usize = weights.iter().sum::<usize>().max(1);
    let mut shares: Vec<usize> = weights.iter().map(|w| total * w / sum).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(total * weights[i] % sum), i));
    let missing = total - shares.iter().sum::<usize>();
    for &i in order.iter().cycle().take(missing) {
        shares[i] += 1;
    }
    if total >= weights.len() {
        while let Some(poor) = shares.iter().position(|&share| share == 0) {
            let rich = (0..shares.len()).max_by_key(|&i| (shares[i], std::cmp::Reverse(i)));
            let Some(rich) = rich else { break };
            shares[rich] -= 1;
            shares[poor] += 1;
        }
    }
    shares
}

/// One split of a database of still images.
pub(super) struct StillSplit {
    pub split: Split,
    /// Images of each class.
    pub counts: Vec<usize>,
    /// `sample_id` and path of the image with this 1-based number within the split.
    pub name: fn(usize) -> (String, String),
}

/// Plans a database of unrelated photographs: shuffled classes, modes by their shares, subjects of each split apart.
pub(super) fn stills(classes: &[Emotion], splits: &[StillSplit], seed: u64, label_noise: f64) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut first_subject = 0;
    for part in splits {
        let mut emotions: Vec<Emotion> = classes
            .iter()
            .zip(&part.counts)
            .flat_map(|(&class, &count)| std::iter::repeat_n(class, count))
            .collect();
        emotions.shuffle(&mut stream(seed, part.split.as_str(), 0));
        let subjects = emotions.len().div_ceil(IMAGES_PER_SUBJECT) as u32;
        for (i, &emotion) in emotions.iter().enumerate() {
            let number = samples.len() as u64;
            let mut rng = stream(seed, "sample", number);
            // Some people are photographed more often than others.
            let subject = first_subject + ((rng.random::<f32>().powf(1.4) * subjects as f32) as u32).min(subjects - 1);
            let mode = draw_mode(emotion.modes(), rng.random());
            let (id, path) = (part.name)(i + 1);
            samples.push(Sample {
                id,
                path,
                split: part.split,
                subject,
                emotion,
                mode,
                label: emotion,
                expression: mode.sample(&mut rng),
                number,
                shot: number,
            });
        }
        first_subject += subjects;
    }
    flip(&mut samples, classes, seed, label_noise);
    samples
}

fn draw_mode(modes: &'static [Mode], uniform: f32) -> &'static Mode {
    let mut left = uniform * modes.iter().map(|mode| mode.share).sum::<f32>();
    for mode in modes {
        if left < mode.share {
            return mode;
        }
        left -= mode.share;
    }
    &modes[0]
}

/// Gives exactly the share `noise` of the samples the label of a neighbouring expression.
fn flip(samples: &mut [Sample], classes: &[Emotion], seed: u64, noise: f64) {
    let mut rng = stream(seed, "flips", 0);
    let mut order: Vec<usize> = (0..samples.len()).collect();
    order.shuffle(&mut rng);
    let wanted = (noise * samples.len() as f64).round() as usize;
    for &i in order.iter().take(wanted) {
        let neighbours: Vec<Emotion> = samples[i]
            .emotion
            .neighbours()
            .iter()
            .copied()
            .filter(|neighbour| classes.contains(neighbour))
            .collect();
        if !neighbours.is_empty() {
            samples[i].label = neighbours[rng.random_range(0..neighbours.len())];
        }
    }
}
