//! Held-out parts of the training split, of which a rival is asked what its settings are worth.

use crate::error::Result;
use crate::fitting::choose::{Candidates, Choice, Walk, choose};
use crate::fitting::config::Outputs;
use crate::interrupt::Interrupt;
use crate::task::Targets;

use super::fit::{Apart, Rival, Training};
use super::host::lot;
use super::input::Features;

/// One held-out part, brought to scale by what is kept.
#[derive(Clone)]
pub struct Piece {
    /// What a rival is fitted on.
    pub kept: Features,
    /// Its targets.
    pub targets: Targets,
    /// What it is asked about.
    pub held: Features,
}

/// Held-out parts at one scale, for all methods on one input.
pub struct Pieces {
    /// One or more.
    pub pieces: Vec<Piece>,
    /// Targets of all held-out samples, piece behind piece.
    pub held: Targets,
}

impl Pieces {
    /// Values a sample.
    pub fn width(&self) -> usize {
        self.pieces.first().map_or(0, |piece| piece.kept.cols)
    }

    /// The same with no more than `most` samples to fit on in each part, unless all of them are needed, and `most` to ask about
    /// in all parts together; nothing where there are no more.
    ///
    /// # Errors
    /// If features cannot be read; [`crate::Error::Interrupted`].
    pub fn thinned(&self, most: usize, all_kept: bool) -> Result<Option<Self>> {
        let share = (most / self.pieces.len().max(1)).max(1);
        let more = |piece: &Piece| (piece.kept.rows > most && !all_kept) || piece.held.rows > share;
        if !self.pieces.iter().any(more) {
            return Ok(None);
        }
        let (mut pieces, mut asked, mut start) = (Vec::new(), Vec::new(), 0);
        for piece in &self.pieces {
            let mut thinned = piece.clone();
            if piece.kept.rows > most && !all_kept {
                let rows = lot(piece.kept.rows, most);
                thinned.kept = piece.kept.select(&rows)?;
                thinned.targets = piece.targets.select(&rows);
            }
            let rows = lot(piece.held.rows, share);
            if rows.len() < piece.held.rows {
                thinned.held = piece.held.select(&rows)?;
            }
            asked.extend(rows.into_iter().map(|row| start + row));
            start += piece.held.rows;
            pieces.push(thinned);
        }
        Ok(Some(Self {
            pieces,
            held: self.held.select(&asked),
        }))
    }

    /// The best of a rival's settings and the map of its outputs, from samples that the models asked about them have not seen.
    ///
    /// # Errors
    /// Whatever fitting fails with.
    pub fn choose(&self, rival: &dyn Rival, how: Outputs, seed: u64, interrupt: &Interrupt) -> Result<Choice> {
        let mut parts = Vec::new();
        for (training, held) in self.parts(seed, interrupt) {
            parts.push(rival.candidates(training, held)?);
        }
        let walk = Walk {
            patience: rival.patience(),
            run: rival.run(),
        };
        choose(how, &self.held, &mut parts, walk)
    }

    /// Setting number `at` and the map of its outputs.
    ///
    /// # Errors
    /// Whatever fitting fails with.
    pub fn fit(&self, rival: &dyn Rival, at: usize, how: Outputs, seed: u64, interrupt: &Interrupt) -> Result<Choice> {
        let mut parts: Vec<Box<dyn Candidates + '_>> = Vec::new();
        for (training, held) in self.parts(seed, interrupt) {
            parts.push(Box::new(Apart {
                rival,
                settings: at..at + 1,
                training,
                held,
            }));
        }
        let choice = choose(how, &self.held, &mut parts, Walk::ALL)?;
        Ok(Choice { at, ..choice })
    }

    fn parts<'a>(
        &'a self,
        seed: u64,
        interrupt: &'a Interrupt,
    ) -> impl Iterator<Item = (Training<'a>, &'a Features)> + 'a {
        self.pieces.iter().map(move |piece| {
            let training = Training {
                x: &piece.kept,
                targets: &piece.targets,
                seed,
                interrupt,
            };
            (training, &piece.held)
        })
    }
}
