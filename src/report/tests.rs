use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::query::fixture::Fixture;

fn report(fixtures: &[Fixture<'_>], options: &ReportOptions) -> (tempfile::TempDir, ReportPaths) {
    let folder = tempfile::tempdir().unwrap();
    for fixture in fixtures {
        fixture.write(&folder.path().join("runs"));
    }
    let paths = build(&[folder.path().join("runs")], &folder.path().join("out"), options).unwrap();
    (folder, paths)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// All files below a folder, by their path in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                out.insert(path.strip_prefix(folder).unwrap().display().to_string(), std::fs::read(&path).unwrap());
            }
        }
    }
    out
}

/// For looking at it: `AURA_BENCH_LOOK=DIR cargo test --lib report::tests::look`.
#[test]
fn look() {
    let Ok(target) = std::env::var("AURA_BENCH_LOOK") else { return };
    let target = Path::new(&target);
    Fixture { images: true, ..Fixture::default() }.write(&target.join("one"));
    build(&[target.join("one")], &target.join("report"), &ReportOptions::default()).unwrap();
}
