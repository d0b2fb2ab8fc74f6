//! RAF-DB (basic): aligned JPEGs of 100 × 100 and one list of labels from 1 to 7.

use crate::error::{Error, Result};
use crate::standin::modes::Emotion;
use crate::standin::options::{Layout, StandinOptions};
use crate::standin::plan::{Plan, StillSplit, apportion, flip, stills};
use crate::standin::shades;
use crate::task::Split;

pub(crate) struct RafDb;

/// In the order of the labels 1 to 7.
const CLASSES: [Emotion; 7] = [
    Emotion::Surprise,
    Emotion::Fear,
    Emotion::Disgust,
    Emotion::Happiness,
    Emotion::Sadness,
    Emotion::Anger,
    Emotion::Neutral,
];

/// The database's own numbers of images, by label.
const TRAIN: [usize; 7] = [1290, 281, 717, 4772, 1982, 705, 2524];
const TEST: [usize; 7] = [329, 74, 160, 1185, 478, 162, 680];

/// Training ids have five digits and test ids four.
const MOST_TRAIN: usize = 99_999;
const MOST_TEST: usize = 9_999;

fn named(id: String) -> (String, String) {
    let path = format!("basic/Image/aligned/{id}_aligned.jpg");
    (id, path)
}

impl Layout for RafDb {
    fn card(&self) -> &'static str {
        "rafdb"
    }

    fn form(&self) -> &'static str {
        "original"
    }

    fn classes(&self) -> &'static [Emotion] {
        &CLASSES
    }

    fn size(&self) -> u32 {
        100
    }

    fn plan(&self, options: &StandinOptions, _size: u32) -> Result<Plan> {
        let shares = apportion(options.samples, &[TRAIN.iter().sum(), TEST.iter().sum()]);
        let (train, test) = (shares[0], shares[1]);
        if options.samples < 2 * CLASSES.len() || train > MOST_TRAIN || test > MOST_TEST {
            return Err(Error::Usage(format!(
                "a stand-in of {} images cannot be laid out as RAF-DB; expected {} to 49000",
                options.samples,
                2 * CLASSES.len()
            )));
        }
        let splits = [
            StillSplit {
                split: Split::Train,
                counts: apportion(train, &TRAIN),
                name: |_, i| named(format!("train_{i:05}")),
            },
            StillSplit {
                split: Split::Test,
                counts: apportion(test, &TEST),
                name: |_, i| named(format!("test_{i:04}")),
            },
        ];
        let mut samples = stills(&CLASSES, &splits, options.seed, |emotion, mode, rng| {
            shades::occurrence(emotion, mode, &CLASSES, rng)
        });
        flip(&mut samples, &CLASSES, options.seed, options.label_noise);
        let mut list = String::new();
        for sample in &samples {
            let label = sample
                .label
                .and_then(|label| crate::standin::options::index_of(self, label))
                .map_or(0, |i| i + 1);
            list.extend([sample.id.as_str(), ".jpg ", &label.to_string(), "\n"]);
        }
        Ok(Plan {
            samples,
            labels: vec![("basic/EmoLabel/list_patition_label.txt".to_owned(), list.into_bytes())],
        })
    }
}
