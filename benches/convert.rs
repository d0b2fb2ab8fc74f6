//! Conversion of label lists of `AffectNet`'s and `EmotioNet`'s form, against the same job in Python (polars, pandas).
//!
//! ```sh
//! cargo bench --features inside --bench convert                          # 20,000 and 50,000 rows
//! AURA_BENCH_SCALE=full cargo bench --features inside --bench convert    # 414,799 and 950,000 rows, with peak memory
//! AURA_BENCH_PYTHON=~/venv/bin/python cargo bench --features inside --bench convert
//! AURA_BENCH_PROGRAM=/usr/local/bin/aura-bench cargo bench --features inside --bench convert   # another build of the program
//! AURA_BENCH_RESULT=benches/results/convert.json cargo bench --features inside --bench convert # what is printed, as JSON too
//! ```
//!
//! Criterion times the library call on the small size. Then the program and the peers convert the same folder as processes of
//! their own, in the same run; wall time, processor time, peak memory and ratios are printed. The peers look at image headers with
//! Pillow, as the program does, and once more only whether the files exist.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on should stop, and it reports"
)]

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aura_bench::inside::{Card, ConvertOptions, convert};
use aura_bench::{Interrupt, Progress};
use criterion::{Criterion, SamplingMode};

/// Images of one folder; also the links of one file, which file systems limit.
const FOLDER: usize = 1000;
/// Runs of each program; the fastest counts, as everything else is other load.
const RUNS: usize = 3;

/// A reproducible stream of numbers (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below
    }
}

/// A photograph's worth of bytes that has a JPEG header.
fn jpeg() -> Vec<u8> {
    let image = image::RgbImage::from_fn(224, 224, |x, y| image::Rgb([x as u8, y as u8, (x ^ y) as u8]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// A folder with files that are links to one image.
struct Folder {
    path: PathBuf,
    first: Option<PathBuf>,
}

impl Folder {
    fn new(path: PathBuf) -> Self {
        std::fs::create_dir_all(&path).unwrap();
        Self { path, first: None }
    }

    fn add(&mut self, name: &str, bytes: &[u8]) {
        let path = self.path.join(name);
        if let Some(first) = &self.first {
            std::fs::hard_link(first, path).unwrap();
        } else {
            std::fs::write(&path, bytes).unwrap();
            self.first = Some(path);
        }
    }
}

/// `AffectNet`'s first release: `rows` training rows with landmarks, 5,500 validation rows (fewer for small sizes); about 1 in 5,000
/// images is missing.
fn affectnet(root: &Path, rows: usize) {
    let bytes = jpeg();
    let mut numbers = Numbers(1);
    let header =
        "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n";
    for (name, rows) in [("training.csv", rows), ("validation.csv", (rows / 75).min(5500))] {
        std::fs::create_dir_all(root).unwrap();
        let mut csv = std::io::BufWriter::new(std::fs::File::create(root.join(name)).unwrap());
        csv.write_all(header.as_bytes()).unwrap();
        let mut folder = None;
        for row in 0..rows {
            let number = row / FOLDER + if name == "training.csv" { 0 } else { 10_000 };
            if row % FOLDER == 0 {
                folder = Some(Folder::new(root.join(format!("Manually_Annotated_Images/{number}"))));
            }
            let mut line = String::new();
            let file = format!("{:016x}{:016x}.jpg", numbers.next(u64::MAX), numbers.next(u64::MAX));
            let _ = write!(
                line,
                "{number}/{file},{},{},{},{},",
                numbers.next(50),
                numbers.next(50),
                100 + numbers.next(300),
                100 + numbers.next(300)
            );
            for i in 0..136 {
                let _ = write!(
                    line,
                    "{}{}.{:02}",
                    if i == 0 { "" } else { ";" },
                    numbers.next(400),
                    numbers.next(100)
                );
            }
            let expression = numbers.next(11);
            if expression > 8 {
                let _ = writeln!(line, ",{expression},-2,-2");
            } else {
                let va = [
                    numbers.next(2000) as f64 / 1000.0 - 1.0,
                    numbers.next(2000) as f64 / 1000.0 - 1.0,
                ];
                let _ = writeln!(line, ",{expression},{:.6},{:.6}", va[0], va[1]);
            }
            csv.write_all(line.as_bytes()).unwrap();
            if numbers.next(5000) > 0 {
                folder.as_mut().unwrap().add(&file, &bytes);
            }
        }
        csv.flush().unwrap();
    }
}

/// `EmotioNet`'s automatic labels: files of 10,000 rows with 62 columns.
fn emotionet(root: &Path, rows: usize) {
    let bytes = jpeg();
    let mut numbers = Numbers(2);
    std::fs::create_dir_all(root).unwrap();
    let mut folder = None;
    for first in (0..rows).step_by(10_000) {
        let name = format!("dataFile_{:04}.txt", first / 10_000 + 1);
        let mut list = std::io::BufWriter::new(std::fs::File::create(root.join(name)).unwrap());
        for row in first..rows.min(first + 10_000) {
            if row % FOLDER == 0 {
                folder = Some(Folder::new(root.join(format!("images/{:04}", row / FOLDER))));
            }
            let file = format!("N_{:010}_{:05}.jpg", row / 100, row % 100);
            let mut line = format!("http://images.example/data/{file}\thttp://elsewhere.example/{row}/photo.jpg");
            for _ in 0..60 {
                line.push_str(match numbers.next(20) {
                    0 => "\t1",
                    1 => "\t999",
                    _ => "\t0",
                });
            }
            line.push('\n');
            list.write_all(line.as_bytes()).unwrap();
            if numbers.next(5000) > 0 {
                folder.as_mut().unwrap().add(&file, &bytes);
            }
        }
        list.flush().unwrap();
    }
}

/// What a process took.
struct Taken {
    seconds: f64,
    /// Of all its threads, in user and kernel mode.
    cpu_seconds: f64,
    peak_mib: f64,
    output: String,
}

/// Peak memory in MiB and processor seconds so far, from `/proc`; zero where there is none.
fn so_far(process: u32) -> (f64, f64) {
    /// The kernel counts time for users in hundredths of a second, whatever its own clock.
    const TICKS: f64 = 100.0;
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default();
    let kib: Option<f64> = read("status")
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
    // Fields 14 and 15; the second, the program's name, may hold spaces and ends with the last parenthesis.
    let stat = read("stat");
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    (kib.unwrap_or(0.0) / 1024.0, ticks / TICKS)
}

/// Runs a command to its end.
fn measure(command: &mut Command) -> Result<Taken, String> {
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let (mut peak_mib, mut cpu_seconds) = (0.0_f64, 0.0_f64);
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        // Both marks only rise, so that the last look before the end says them.
        let (peak, cpu) = so_far(child.id());
        (peak_mib, cpu_seconds) = (peak_mib.max(peak), cpu_seconds.max(cpu));
        std::thread::sleep(Duration::from_millis(5));
    }
    let seconds = start.elapsed().as_secs_f64();
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr)
            .lines()
            .last()
            .unwrap_or("failed")
            .to_owned());
    }
    Ok(Taken {
        seconds,
        cpu_seconds,
        peak_mib,
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
    })
}

/// The least of several runs in time, and the most in memory.
fn fastest(mut command: impl FnMut() -> Command) -> Result<Taken, String> {
    let mut best = measure(&mut command())?;
    for _ in 1..RUNS {
        let taken = measure(&mut command())?;
        best.seconds = best.seconds.min(taken.seconds);
        best.cpu_seconds = best.cpu_seconds.min(taken.cpu_seconds);
        best.peak_mib = best.peak_mib.max(taken.peak_mib);
    }
    Ok(best)
}

/// One line of the result: printed, and as JSON.
fn line(title: &str, taken: &Taken, program: Option<&Taken>) -> serde_json::Value {
    let mut line = serde_json::json!({
        "program": title,
        "seconds": taken.seconds,
        "cpu_seconds": taken.cpu_seconds,
        "peak_mib": taken.peak_mib,
    });
    let mut text = format!(
        "  {title:<28} {:>8.2} s {:>8.2} s of processor {:>7.0} MiB",
        taken.seconds, taken.cpu_seconds, taken.peak_mib
    );
    if let Some(program) = program {
        let own: serde_json::Value = serde_json::from_str(&taken.output).unwrap();
        let inner = own["seconds"].as_f64().unwrap();
        line["seconds_without_imports"] = inner.into();
        line["ratio"] = (taken.seconds / program.seconds).into();
        line["ratio_without_imports"] = (inner / program.seconds).into();
        line["cpu_ratio"] = (taken.cpu_seconds / program.cpu_seconds).into();
        let _ = write!(
            text,
            "   ratio {:.2} (processor {:.2}; without interpreter and imports {:.2})",
            taken.seconds / program.seconds,
            taken.cpu_seconds / program.cpu_seconds,
            inner / program.seconds
        );
    }
    println!("{text}");
    line
}

/// The program against its peers on one folder.
fn compare(card: &str, peer: &str, root: &Path, out: &Path, rows: usize) -> serde_json::Value {
    println!("\n{card}, {rows} rows, least of {RUNS} runs (whole processes, interpreter start included)");
    let binary = std::env::var("AURA_BENCH_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_aura-bench").to_owned());
    let program = fastest(|| {
        let mut command = Command::new(&binary);
        command
            .args(["convert", card, "--quiet", "--json", "--data"])
            .arg(root)
            .arg("--out")
            .arg(out.join("aura"));
        command
    });
    let program = match program {
        Ok(taken) => taken,
        Err(error) => panic!("aura-bench convert {card}: {error}"),
    };
    let mut lines = vec![line("aura-bench convert", &program, None)];
    let json: serde_json::Value = serde_json::from_str(&program.output).unwrap();
    let python = std::env::var("AURA_BENCH_PYTHON").unwrap_or_else(|_| "python3".into());
    for (library, needs) in [
        ("polars", "import polars, PIL"),
        ("pandas", "import pandas, pyarrow, PIL"),
    ] {
        let there = Command::new(&python)
            .args(["-c", needs])
            .output()
            .is_ok_and(|output| output.status.success());
        if !there {
            println!(
                "  {library}: skipped: `{python} -c \"{needs}\"` fails; pip install polars pandas pyarrow pillow, or set AURA_BENCH_PYTHON"
            );
            continue;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/peers/convert_{library}.py"));
        for (what, option) in [("headers", None), ("existence only", Some("--exists-only"))] {
            let taken = fastest(|| {
                let mut command = Command::new(&python);
                command
                    .arg(&script)
                    .arg(peer)
                    .arg(root)
                    .arg(out.join(library))
                    .args(option);
                command
            });
            match taken {
                Err(error) => println!("  {library}, {what}: failed: {error}"),
                Ok(taken) => {
                    lines.push(line(&format!("{library}, {what}"), &taken, Some(&program)));
                    let own: serde_json::Value = serde_json::from_str(&taken.output).unwrap();
                    assert_eq!(own["samples"], json["samples"], "{library} finds other samples");
                    assert_eq!(own["rejected"], json["rejected"], "{library} rejects other rows");
                }
            }
        }
    }
    serde_json::json!({ "card": card, "rows": rows, "runs": RUNS, "samples": json["samples"], "programs": lines })
}

/// Processor, cores and memory of this machine, as far as `/proc` says.
fn machine() -> serde_json::Value {
    let field = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':')
            .map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    serde_json::json!({
        "processor": field("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "memory": field("/proc/meminfo", "MemTotal"),
        "load": std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim(),
    })
}

fn main() {
    let full = std::env::var("AURA_BENCH_SCALE").is_ok_and(|scale| scale == "full");
    // Beside the build, not in /tmp: a full set has 1.4 million directory entries.
    let place =
        std::env::var_os("AURA_BENCH_TREES").map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let folder = tempfile::Builder::new().prefix("convert-").tempdir_in(place).unwrap();
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    type Draw = fn(&Path, usize);
    let jobs: [(&str, &str, Draw, usize, usize); 2] = [
        ("affectnet8", "affectnet", affectnet, 20_000, 414_799),
        ("emotionet", "emotionet", emotionet, 50_000, 950_000),
    ];
    let machine = machine();
    let mut results = Vec::new();
    for (card, peer, draw, small, large) in jobs {
        let rows = if full { large } else { small };
        let root = folder.path().join(card);
        draw(&root, rows);
        let out = folder.path().join("out");
        if !full {
            let loaded = Card::load(card).unwrap();
            let mut group = criterion.benchmark_group("convert");
            group.sampling_mode(SamplingMode::Flat);
            group.throughput(criterion::Throughput::Elements(rows as u64));
            group.bench_function(card, |bencher| {
                bencher.iter(|| {
                    convert(
                        &loaded,
                        &root,
                        &ConvertOptions::default(),
                        &out,
                        &Progress::hidden(),
                        &Interrupt::default(),
                    )
                    .unwrap()
                });
            });
            group.finish();
        }
        results.push(compare(card, peer, &root, &out, rows));
        std::fs::remove_dir_all(&root).unwrap();
    }
    criterion.final_summary();
    if let Some(path) = std::env::var_os("AURA_BENCH_RESULT") {
        let result = serde_json::json!({
            "date": humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
            "machine": machine,
            "databases": results,
        });
        std::fs::write(path, format!("{result:#}\n")).unwrap();
    }
}
