//! What every image of a stand-in shows, decided before the first is drawn.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::task::Split;

use super::action_units::Expression;
use super::draw::frame::Frame;
use super::modes::{Emotion, Mode, draw_mode};
use super::shades::{Blend, Shown};

/// Images a subject has on average.
const IMAGES_PER_SUBJECT: usize = 5;

/// What an image is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A sample of the benchmark: it has a row in the table of truths.
    Sample,
    /// An image whose label the benchmark leaves out.
    LeftOut,
    /// As [`Self::LeftOut`], and nobody is in the picture.
    Nobody,
}

/// One image to draw.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Its `sample_id`.
    pub id: String,
    /// Relative to the root, with `/`. The extension says the format.
    pub path: String,
    pub split: Split,
    pub subject: u32,
    /// What the database calls the subject, where it has names.
    pub who: Option<String>,
    pub emotion: Emotion,
    pub mode: &'static Mode,
    /// Factor on the mode's action units; `None` where it comes and goes.
    pub strength: Option<f32>,
    /// What the face leans to, if it is ambiguous.
    pub blend: Option<Blend>,
    /// The expression written into the label file, where the database has expressions.
    pub label: Option<Emotion>,
    /// Whether the label is deliberately wrong.
    pub flipped: bool,
    pub expression: Expression,
    /// True valence and arousal.
    pub affect: (f32, f32),
    /// Number of the sample in the plan: the key of its random streams.
    pub number: u64,
    /// Key of the stream of pose, light and camera: frames of one video share it.
    pub shot: u64,
    pub frame: Frame,
    pub purpose: Purpose,
}

impl Sample {
    /// Unique over all splits.
    pub fn subject_name(&self) -> String {
        self.who.clone().unwrap_or_else(|| format!("P{:05}", self.subject))
    }

    /// Unique over all emotions.
    pub fn mode_name(&self) -> String {
        format!("{}/{}", self.emotion.name(), self.mode.name)
    }
}

/// Everything that a tree consists of.
pub(crate) struct Plan {
    pub samples: Vec<Sample>,
    /// The database's label files: paths relative to the root, and their bytes.
    pub labels: Vec<(String, Vec<u8>)>,
}

/// The random stream of one purpose and number.
pub(crate) fn stream(seed: u64, purpose: &str, number: u64) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"aura-bench stand-in ");
    hasher.update(&seed.to_le_bytes());
    hasher.update(&number.to_le_bytes());
    hasher.update(purpose.as_bytes());
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// Divides `total` in the proportions of `weights` by largest remainders; with enough to go round, everyone gets one.
pub(crate) fn apportion(total: usize, weights: &[usize]) -> Vec<usize> {
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
pub(crate) struct StillSplit {
    pub split: Split,
    /// Images of each class.
    pub counts: Vec<usize>,
    /// `sample_id` and path of the image with this 1-based number within the split.
    pub name: fn(u64, usize) -> (String, String),
}

/// Plans a database of unrelated photographs: shuffled classes, modes by their shares, subjects of each split apart; `occur`
/// is one occurrence of an emotion's mode.
pub(crate) fn stills(
    classes: &[Emotion],
    splits: &[StillSplit],
    seed: u64,
    occur: impl Fn(Emotion, &'static Mode, &mut ChaCha8Rng) -> Shown,
) -> Vec<Sample> {
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
            let (id, path) = (part.name)(seed, i + 1);
            let Shown {
                expression,
                strength,
                blend,
            } = occur(emotion, mode, &mut rng);
            samples.push(Sample {
                id,
                path,
                split: part.split,
                subject,
                who: None,
                emotion,
                mode,
                strength: Some(strength),
                blend,
                label: Some(emotion),
                flipped: false,
                affect: (expression.valence(), expression.arousal()),
                expression,
                number,
                shot: number,
                frame: Frame::default(),
                purpose: Purpose::Sample,
            });
        }
        first_subject += subjects;
    }
    samples
}

/// The numbers of the samples whose labels are made wrong: exactly the share `noise`.
pub(crate) fn to_flip(samples: usize, seed: u64, noise: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..samples).collect();
    order.shuffle(&mut stream(seed, "flips", 0));
    order.truncate((noise * samples as f64).round() as usize);
    order
}

/// Gives exactly the share `noise` of the samples the label of a neighbouring expression.
pub(crate) fn flip(samples: &mut [Sample], classes: &[Emotion], seed: u64, noise: f64) {
    let mut rng = stream(seed, "neighbours", 0);
    for i in to_flip(samples.len(), seed, noise) {
        let neighbours: Vec<Emotion> = samples[i].emotion.neighbours_among(classes).collect();
        if !neighbours.is_empty() {
            samples[i].label = Some(neighbours[rng.random_range(0..neighbours.len())]);
            samples[i].flipped = true;
        }
    }
}
