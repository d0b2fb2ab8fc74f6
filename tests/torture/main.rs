//! What a machine does to a run: kills, errors of the system, full and read-only disks, flipped bits, signals, races. Whatever
//! happens, the run ends with a documented exit code, and the same command again ends in the bytes of an unbroken run.
//!
//! Run by `scripts/torture`; not a part of `cargo test`, because it takes as long as it is given.
#![expect(clippy::print_stdout, reason = "what it found is what it is for")]

mod attacks;
mod chance;
mod tracing;
mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use attacks::{ATTACKS, Outcome, SLOWEST};
use chance::Chance;
use world::World;

/// What is asked for.
struct Arguments {
    minutes: f64,
    seed: u64,
    only: Option<String>,
    /// At most so many cases, however much time is left.
    cases: u64,
    /// The build that is attacked, where it is not the one of the tests.
    program: Option<PathBuf>,
}

impl Arguments {
    fn parse() -> Result<Self, String> {
        let mut parsed = Self {
            minutes: 5.0,
            seed: 1,
            only: None,
            cases: u64::MAX,
            program: None,
        };
        let mut given = std::env::args().skip(1);
        while let Some(name) = given.next() {
            let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
            let wrong = |_| format!("{name} {value}: expected a number");
            match name.as_str() {
                "--minutes" => parsed.minutes = value.parse().map_err(|_| format!("--minutes {value}: no number"))?,
                "--seed" => parsed.seed = value.parse().map_err(wrong)?,
                "--cases" => parsed.cases = value.parse().map_err(wrong)?,
                "--program" => {
                    let path = std::fs::canonicalize(&value).map_err(|error| format!("--program {value}: {error}"))?;
                    parsed.program = Some(path);
                }
                "--only" => parsed.only = Some(value),
                other => {
                    return Err(format!(
                        "{other} is not known; expected --minutes, --cases, --seed, --only, --program"
                    ));
                }
            }
        }
        match &parsed.only {
            Some(only) if ATTACKS.iter().all(|attack| attack.name != only) => {
                let names: Vec<&str> = ATTACKS.iter().map(|attack| attack.name).collect();
                Err(format!("--only {only}: expected one of {}", names.join(", ")))
            }
            _ => Ok(parsed),
        }
    }
}

/// How often an attack was tried, and how that ended.
#[derive(Default)]
struct Count {
    survived: usize,
    failed: usize,
    skipped: Option<String>,
}

fn main() -> ExitCode {
    let arguments = match Arguments::parse() {
        Ok(arguments) => arguments,
        Err(message) => {
            println!("{message}");
            return ExitCode::from(2);
        }
    };
    let until = Instant::now() + Duration::from_secs_f64(arguments.minutes * 60.0);
    if let Some(program) = arguments.program {
        world::attack(program);
    }
    let world = World::build();
    println!(
        "an unbroken run takes {:.1} s; seed {}",
        world.takes.as_secs_f64(),
        arguments.seed
    );
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut number = 0;
    'all: loop {
        for attack in &ATTACKS {
            let count = counts.entry(attack.name).or_default();
            let wanted = arguments.only.as_ref().is_none_or(|only| only == attack.name);
            if !wanted || count.skipped.is_some() {
                continue;
            }
            if Instant::now() >= until || number >= arguments.cases {
                break 'all;
            }
            number += 1;
            let mut chance = Chance::new(arguments.seed, number);
            match (attack.run)(&world, &mut chance) {
                Ok(Outcome::Survived) => count.survived += 1,
                Ok(Outcome::Skipped(why)) => count.skipped = Some(why),
                Err(failure) => {
                    count.failed += 1;
                    println!(
                        "FAILED {} (case {number} of seed {}): {failure}",
                        attack.name, arguments.seed
                    );
                }
            }
        }
        if counts.values().all(|count| count.skipped.is_some()) {
            break;
        }
    }
    println!("{:<22} {:>6} {:>9} {:>7}", "attack", "tried", "survived", "failed");
    for (name, count) in &counts {
        let tried = count.survived + count.failed;
        let why = count
            .skipped
            .as_ref()
            .map_or_else(String::new, |why| format!("  skipped: {why}"));
        println!("{name:<22} {tried:>6} {:>9} {:>7}{why}", count.survived, count.failed);
    }
    let slowest = SLOWEST.load(Ordering::Relaxed);
    if slowest > 0 {
        println!("the slowest end after a signal took {:.2} s", slowest as f64 / 1000.0);
    }
    let failed: usize = counts.values().map(|count| count.failed).sum();
    let tried: usize = counts.values().map(|count| count.survived + count.failed).sum();
    println!("{tried} tried, {} survived, {failed} failed", tried - failed);
    // A campaign that tried nothing says nothing.
    if failed > 0 || tried == 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
