//! Every table of results says whose rows it holds, so that the files of many runs are one table to any reader of Parquet.

use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::{shared, tables};

/// Holds the leading columns of all tables of a run against the folders that they lie in; returns how many rows were looked at.
pub fn hold(run: &Path) -> usize {
    let name = run.file_name().unwrap().to_str().unwrap();
    let mut rows = 0;
    for (path, _) in tables(run) {
        let shown = path.display().to_string();
        if shown == "samples.parquet" || shown == "truth.parquet" {
            continue;
        }
        let number = |folder: &str| -> Option<i64> {
            let mut parts = path.components().map(|part| part.as_os_str().to_str().unwrap());
            parts.find_map(|part| part.strip_prefix(folder)?.parse().ok())
        };
        let (fold, seed) = (number("fold-"), number("seed-"));
        let file = std::fs::File::open(run.join(&path)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let names: Vec<String> = reader
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let leading: &[&str] = if seed.is_some() {
            &["run", "fold", "seed"]
        } else {
            &["run"]
        };
        assert_eq!(&names[..leading.len()], leading, "{shown}");
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            rows += batch.num_rows();
            let runs = batch.column(0).as_string::<i32>();
            assert!(runs.iter().all(|run| run == Some(name)), "{shown}");
            if seed.is_some() {
                let folds = batch.column(1).as_primitive::<Int32Type>();
                let seeds = batch.column(2).as_primitive::<Int64Type>();
                assert!(folds.iter().all(|there| there.map(i64::from) == fold), "{shown}");
                assert!(
                    seeds.iter().all(|there| there == seed) && seeds.null_count() == 0,
                    "{shown}"
                );
            }
        }
    }
    rows
}

#[test]
fn tables_of_a_run_without_folds_name_run_and_seed() {
    assert!(hold(&shared::run(&[]).folder) > 1_000);
}
