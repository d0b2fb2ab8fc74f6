//! `export`: other programs read runs and tables.

use crate::tracking::{TrackedRun, Tracking};
use crate::{Bench, copy, shared, stderr};

#[test]
fn a_run_is_sent_to_a_tracking_server_and_replaced_when_sent_again() {
    let server = Tracking::serve("mlflow-artifacts:/0/RUN/artifacts");
    let (bench, run) = Bench::with_run(&[]);
    let page = bench.ok(&["export", "mlflow", "runs", "--to", &server.address]);
    assert_eq!(page.trim(), format!("{}/#/experiments/0/runs/run0", server.address));
    {
        let told = server.told.lock().unwrap();
        assert_eq!(told.experiments, ["rafdb expression"]);
        let [parent, child] = told.runs.as_slice() else {
            panic!("{:?}", told.runs)
        };
        assert_eq!(format!("runs/{}", parent.name), run);
        assert_eq!(child.name, format!("{} seed 0", parent.name));
        assert!(parent.finished && child.finished);
        assert_eq!(child.tag("mlflow.parentRunId"), Some("run0"));
        assert_eq!(parent.tag("aura_bench.stand_in"), Some("true"));
        assert!(parent.tag("mlflow.note.content").unwrap().contains("Stand-in faces"));
        assert!(parent.params.contains(&("model.k_max".to_owned(), "30".to_owned())));
        let accuracy = shared::run(&[]).summary["metrics"]["acc"]["mean"].as_f64().unwrap();
        let value = |run: &TrackedRun, name: &str| run.metrics.iter().find(|(key, ..)| key == name).unwrap().1;
        assert_eq!(value(parent, "acc").to_bits(), accuracy.to_bits());
        assert_eq!(value(child, "test.acc").to_bits(), accuracy.to_bits());
        let epochs: Vec<i64> = child
            .metrics
            .iter()
            .filter(|(key, ..)| key == "epoch.train.loss")
            .map(|(.., step)| *step)
            .collect();
        assert_eq!(epochs, [1, 2, 3]);
        let places: Vec<&str> = told.artifacts.iter().map(|(place, _)| place.as_str()).collect();
        assert_eq!(
            places,
            ["0/run0/artifacts/recipe.toml", "0/run0/artifacts/manifest.json"]
        );
        assert_eq!(told.login, None);
    }
    let mut again = bench.command();
    again
        .args(["export", "mlflow", "runs"])
        .env("MLFLOW_TRACKING_URI", &server.address)
        .env("MLFLOW_TRACKING_USERNAME", "me")
        .env("MLFLOW_TRACKING_PASSWORD", "secret");
    assert!(again.output().unwrap().status.success());
    let told = server.told.lock().unwrap();
    let deleted: Vec<bool> = told.runs.iter().map(|run| run.deleted).collect();
    assert_eq!(
        deleted,
        [true, true, false, false],
        "sending again replaces what is there"
    );
    assert_eq!(told.login.as_deref(), Some("Basic bWU6c2VjcmV0"));
}

#[test]
fn a_server_that_is_none_or_keeps_no_files_is_said_so() {
    let (bench, _) = Bench::with_run(&[]);
    let text = bench.fails(2, &["export", "mlflow", "runs", "--to", "sqlite:///mlflow.db"]);
    assert!(
        text.contains("mlflow server --backend-store-uri sqlite:///mlflow.db"),
        "{text}"
    );
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let text = bench.fails(
        3,
        &["export", "mlflow", "runs", "--to", &format!("http://127.0.0.1:{port}")],
    );
    assert!(
        text.contains("no MLflow server answers") && text.contains("--to"),
        "{text}"
    );
    let server = Tracking::serve("file:///store/RUN");
    let output = bench.run(&["export", "mlflow", "runs", "--to", &server.address]);
    assert!(output.status.success());
    assert!(stderr(&output).contains("artifact proxy is off"), "{}", stderr(&output));
    let text = bench.fails(
        3,
        &[
            "export",
            "mlflow",
            "runs",
            "--to",
            &format!("{}/elsewhere", server.address),
        ],
    );
    assert!(
        text.contains("no MLflow server answers") || text.contains("404"),
        "{text}"
    );
}

#[test]
fn a_feature_table_is_described_as_the_run_described_it() {
    let bench = Bench::new();
    copy(&shared::features(), &bench.path("features"));
    let beside = std::fs::read(bench.path("features/croissant.json")).unwrap();
    std::fs::remove_file(bench.path("features/croissant.json")).unwrap();
    let written = bench.ok(&["export", "croissant", "features"]);
    assert!(
        std::fs::read(bench.path(written.trim())).unwrap() == beside,
        "the run wrote the same"
    );
    let metadata: serde_json::Value = serde_json::from_slice(&beside).unwrap();
    let fields = metadata["recordSet"][0]["field"].as_array().unwrap();
    let global = fields.iter().find(|field| field["name"] == "global").unwrap();
    assert_eq!(
        (&global["dataType"], &global["repeated"]),
        (&"sc:Float".into(), &true.into())
    );
}

#[test]
fn a_model_is_written_with_its_card() {
    let (bench, run) = Bench::with_run(&[]);
    let said = bench.json(&["export", "model", &run, "--out", "model", "--json"]);
    crate::schemas::fits("model", &said);
    assert_eq!(said["inputs"], serde_json::json!(["features"]));
    let outputs = [
        "aura",
        "aura_mixture",
        "aura_tuned",
        "archetype",
        "similarities",
        "embedding",
    ];
    assert_eq!(said["outputs"], serde_json::json!(outputs));
    let read = |name: &str| std::fs::read(bench.path("model").join(name)).unwrap();
    assert!(read("model.safetensors") == std::fs::read(bench.path(&run).join("seed-0/model.safetensors")).unwrap());
    // How its graph computes is held against the program's own numbers by onnxruntime: python/tests/test_predict.py.
    let onnx = read("model.onnx");
    for name in outputs {
        assert!(
            onnx.windows(name.len()).any(|window| window == name.as_bytes()),
            "{name}"
        );
    }
    let card = String::from_utf8(read("README.md")).unwrap();
    for words in [
        "(STAND-IN: trained on drawn faces)",
        "Licence of the database: Non-commercial research",
        "| `aura` | `acc` | 0.",
        "Faces are not detected",
    ] {
        assert!(card.contains(words), "{words}: {card}");
    }
    bench.ok(&["export", "model", &run, "--out", "again"]);
    assert!(
        onnx == std::fs::read(bench.path("again/model.onnx")).unwrap(),
        "the same run gives the same bytes"
    );
    let text = bench.fails(2, &["export", "model", &run, "--seed", "3"]);
    assert!(text.contains("no seed 3; there are 0"), "{text}");
    assert!(
        bench
            .fails(2, &["export", "model", &run, "--out", &run])
            .contains("is the run itself")
    );
    bench.fails(3, &["export", "model", "nowhere"]);
}

/// A file of `export atlas`, as a reader of Parquet sees it.
pub fn atlas(bench: &Bench, arguments: &[&str]) -> (arrow::array::RecordBatch, String) {
    let file = bench.ok(&[&["export", "atlas"], arguments].concat());
    let file = std::fs::File::open(bench.path(file.trim())).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let pairs = reader.metadata().file_metadata().key_value_metadata().cloned().unwrap();
    let about = pairs.into_iter().find(|pair| pair.key == "aura-bench.atlas");
    let schema = reader.schema().clone();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    let table = arrow::compute::concat_batches(&schema, &batches).unwrap();
    (table, about.unwrap().value.unwrap())
}

#[test]
fn the_samples_of_a_run_are_one_file_for_programs_that_show_them() {
    use arrow::array::{Array, AsArray};
    use arrow::compute::cast;
    use arrow::datatypes::DataType;

    let (bench, run) = Bench::with_run(&[]);
    let (table, about) = atlas(&bench, &[&run, "--images", "--out", "faces.parquet"]);
    let about: serde_json::Value = serde_json::from_str(&about).unwrap();
    assert_eq!(about["stand_in"], true);
    assert_eq!(format!("runs/{}", about["run"].as_str().unwrap()), run);
    let schema = table.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(
        names.join(" "),
        "sample_id split subject label prediction correct archetype archetype_name similarity second margin label_suspected x y x_encoder \
         y_encoder filepath run seed fold stand_in image"
    );
    let text = |name: &str| -> Vec<String> {
        let column = cast(table.column_by_name(name).unwrap(), &DataType::Utf8).unwrap();
        let column = column.as_string::<i32>();
        column.iter().map(|value| value.unwrap_or("").to_owned()).collect()
    };
    let asked = |sql: &str| -> Vec<String> {
        let said = bench.ok(&["query", sql, "--runs", &run, "--format", "csv"]);
        said.lines().skip(1).map(str::to_owned).collect()
    };
    assert_eq!(
        text("sample_id"),
        asked(
            "SELECT m.sample_id FROM maps m JOIN samples s ON s.sample_id = m.sample_id WHERE space = 'aura' ORDER BY s.split, m.sample_id"
        )
    );
    assert_eq!(
        text("label"),
        asked(
            "SELECT s.expression_name FROM maps m JOIN samples s ON s.sample_id = m.sample_id WHERE space = 'aura' ORDER BY s.split, m.sample_id"
        )
    );
    for name in ["x", "y", "x_encoder", "y_encoder", "archetype", "archetype_name"] {
        assert_eq!(table.column_by_name(name).unwrap().null_count(), 0, "{name}");
    }
    assert!(text("stand_in").iter().all(|value| value == "true"));
    for path in text("filepath") {
        assert!(
            std::path::Path::new(&path).is_absolute() && std::path::Path::new(&path).is_file(),
            "{path}"
        );
    }
    let pictures = table.column_by_name("image").unwrap().as_struct();
    let bytes = pictures.column_by_name("bytes").unwrap().as_binary::<i32>();
    assert_eq!(pictures.null_count(), 0);
    assert!(bytes.iter().all(|bytes| bytes.unwrap().starts_with(&[0xff, 0xd8])));

    let (plain, _) = atlas(&bench, &[&run]);
    assert_eq!(plain.num_columns(), table.num_columns() - 1);
    let within = format!("{run}/samples.parquet");
    let refused = bench.fails(2, &["export", "atlas", &run, "--out", &within]);
    assert!(refused.contains("lies in the run itself"), "{refused}");
    let unknown = bench.fails(2, &["export", "atlas", &run, "--seed", "9"]);
    assert!(unknown.contains("seed"), "{unknown}");
}
