//! Trained here, tested there: `[[test]]`.

use serde_json::json;

use crate::schemas::fits;
use crate::{Bench, small};

/// A test set of the digits that are called so and trained under this rule, out of the held-out ones themselves.
fn test_set(head: &str) -> String {
    format!(
        "[[test]]\n{head}\n[test.dataset]\ncard = \"table\"\npath = \"digits.npz\"\n[test.dataset.table]\nlabels = \"digits.csv\"\n\
         key = \"name\"\nencoder = \"grey values\"\nsplit = \"part\"\nsplits = {{ \"held out\" = \"test\" }}\nlabel = \"digit\"\n\
         [test.protocol]\nclasses = [\"1\", \"3\", \"7\", \"8\"]\n"
    )
}

fn digits() -> Bench {
    let bench = crate::elsewhere::digits();
    let own = std::fs::read_to_string(bench.path("digits.toml")).unwrap();
    bench.write(
        "across.toml",
        [
            own,
            test_set("name = \"three\"\nnames = { \"7\" = \"7\" }"),
            test_set("name = \"any\"\nanswers = \"all\"\nnames = { \"8\" = \"\" }"),
        ]
        .join("\n"),
    );
    bench
}

#[test]
fn what_is_asked_of_another_database_is_read_off_the_same_outputs() {
    let bench = digits();
    let arguments = ["run", "across.toml", "--json", "--quiet", "--set", "train.epochs=3"];
    let summary = bench.json(&arguments);
    let run = summary["run_dir"].as_str().unwrap();
    let tests = summary["tests"].as_array().unwrap();
    assert_eq!(tests[0]["outputs"], json!(["1", "3", "7", "8"]));
    assert_eq!(
        (&tests[0]["answers"], &tests[1]["answers"]),
        (&"shared".into(), &"all".into())
    );
    // The same images, so that the outputs are those of the run's own test split: of three classes, the largest of four outputs;
    // and of all outputs where all are asked.
    let rows = |sql: &str| bench.json(&["query", sql, "--runs", run, "--format", "json"]);
    let own = "SELECT method, avg(CAST(right AS DOUBLE)) AS acc, count(*) AS n FROM (SELECT p.method, p.label = k.place AS right \
               FROM predictions p JOIN (SELECT method, sample_id, class AS place FROM (SELECT method, sample_id, class, row_number() \
               OVER (PARTITION BY method, sample_id ORDER BY output DESC, class) AS rank FROM (SELECT method, sample_id, \
               unnest(output) AS output, unnest(range(0, 10)) AS class FROM predictions WHERE split = 'test') WHERE class IN (FEW)) \
               WHERE rank = 1) k USING (method, sample_id) WHERE p.split = 'test' AND p.label IN (ASKED)) GROUP BY method ORDER BY \
               method";
    for (name, few, asked) in [
        ("three", "1, 3, 7, 8", "1, 3, 7, 8"),
        ("any", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9", "1, 3, 7"),
    ] {
        let expected = rows(&own.replace("FEW", few).replace("ASKED", asked));
        assert!(expected.as_array().unwrap().len() > 3);
        for row in expected.as_array().unwrap() {
            let method = row["method"].as_str().unwrap();
            let here = &summary["methods"][method][format!("acc@{name}")];
            let (found, wanted) = (here["mean"].as_f64().unwrap(), row["acc"].as_f64().unwrap());
            assert!(
                (found - wanted).abs() < 1e-9,
                "{method} on {name}: {found}, expected {wanted}"
            );
            let n = tests.iter().find(|test| test["name"] == name).unwrap()["samples"].as_u64();
            assert_eq!(n, row["n"].as_u64());
        }
    }
    // Every sample of the test split is tested or counted, and none of another split.
    let own = rows("SELECT count(*) AS n FROM samples WHERE split = 'test'");
    for test in tests {
        let all = test["samples"].as_u64().unwrap() + test["left_out"].as_u64().unwrap();
        assert_eq!(Some(all), own[0]["n"].as_u64(), "{test}");
    }
    assert_eq!(tests[1]["unknown"], json!(["8"]));
    // Every lead has its interval, and of each test set.
    let of = |test: &str| {
        let all = summary["standings"].as_array().unwrap().iter();
        all.filter(|row| row["metric"] == format!("acc{test}")).count()
    };
    assert!(of("") > 0 && of("") == of("@three") && of("") == of("@any"));
    // Nothing else moved: the run without further test sets says the same of its own.
    let alone = bench.json(&["run", "digits.toml", "--json", "--quiet", "--set", "train.epochs=3"]);
    assert_eq!(alone["metrics"]["acc"], summary["metrics"]["acc"]);
    let protocol = |run: &serde_json::Value| {
        let text = std::fs::read_to_string(bench.path(run["run_dir"].as_str().unwrap()).join("manifest.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["protocol_digest"].clone()
    };
    assert_eq!(
        protocol(&alone),
        protocol(&summary),
        "the numbers on the own test split may be ranked"
    );
}

const FACES: &str = "schema = 1\nextends = \"recipes/rafdb.toml\"\nname = \"across\"\n[[test]]\nname = \"wild\"\n[test.dataset]\n\
                     card = \"affectnet8\"\n[test.stand_in]\nsamples = 100\nlabel_noise = 0.0\n";

/// The arguments of the small run, on another recipe.
fn across(more: &[&'static str]) -> Vec<&'static str> {
    let mut arguments = small(&["--json", "--set", "baselines.methods=[\"knn\", \"class_means\"]"]);
    arguments[1] = "across.toml";
    arguments.extend(more);
    arguments
}

#[test]
fn features_of_two_models_do_not_meet() {
    let bench = digits();
    let text = std::fs::read_to_string(bench.path("across.toml")).unwrap();
    let (own, tests) = text.split_once("[[test]]").unwrap();
    let other = tests.replace("encoder = \"grey values\"", "encoder = \"red values\"");
    bench.write("across.toml", format!("{own}[[test]]{other}"));
    let said = bench.fails(3, &["run", "across.toml", "--quiet"]);
    assert!(
        said.contains(
            "test@three: dataset.table.encoder is \"red values\", of the recipe's own database \"grey values\""
        ),
        "{said}"
    );
}

#[test]
fn numbers_on_another_database_are_checked_and_compared_where_they_may_be() {
    let bench = Bench::with_shared_cache();
    bench.write("across.toml", FACES);
    let first = bench.json(&across(&[]));
    let run = first["run_dir"].as_str().unwrap();
    fits("run", &first);
    let manifest = std::fs::read(bench.path(run).join("manifest.json")).unwrap();
    fits("manifest", &serde_json::from_slice(&manifest).unwrap());
    assert_eq!(first["stages"]["extract@wild"]["cached"], false);
    assert!(first["metrics"]["acc@wild"]["mean"].as_f64().unwrap() > 0.2);
    let test = &first["tests"][0];
    assert_eq!(
        (&test["unknown"], &test["dataset"]),
        (&json!(["contempt"]), &json!("affectnet8"))
    );
    assert!(test["left_out"].as_u64() > Some(0));
    // Again: nothing is done.
    let again = bench.json(&across(&[]));
    for (name, stage) in again["stages"].as_object().unwrap() {
        assert_eq!(stage["cached"], true, "{name}");
    }
    assert_eq!(again["tests"], first["tests"]);
    // The page has a column for it.
    let page = std::fs::read_to_string(bench.path(run).join("report/report.md")).unwrap();
    assert!(
        page.contains("Trained here, tested there") && page.contains("| wild |") && page.contains("Tested on wild"),
        "{page}"
    );
    bench.ok(&["baseline", "save", run, "--out", "b.toml", "--predictions"]);
    let checked = bench.json(&["check", run, "--baseline", "b.toml", "--json"]);
    let verdicts = |report: &serde_json::Value, name: &str| -> String {
        let findings = report["runs"][0]["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| finding["metric"] == name);
        found
            .map_or("absent", |found| found["verdict"].as_str().unwrap())
            .to_owned()
    };
    assert_eq!(verdicts(&checked, "acc@wild"), "pass");
    assert_eq!(verdicts(&checked, "standing.aura.knn@wild"), "pass");

    // Another rule is another number: it is not judged, and not ranked; those on the run's own test split are.
    bench.write(
        "across.toml",
        FACES.replace("name = \"wild\"\n", "name = \"wild\"\nanswers = \"all\"\n"),
    );
    let other = bench.json(&across(&[]));
    let second = other["run_dir"].as_str().unwrap();
    assert_ne!(second, run);
    let output = bench.run(&["check", second, "--baseline", "b.toml", "--json"]);
    let judged: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (verdicts(&judged, "acc@wild"), verdicts(&judged, "acc")),
        ("not_comparable".to_owned(), "pass".to_owned())
    );
    let compared = bench.json(&["compare", run, second, "--json"]);
    assert_eq!(compared["comparable"], true);
    let names = |compared: &serde_json::Value| -> Vec<String> {
        let metrics = compared["metrics"].as_array().unwrap().iter();
        metrics
            .map(|metric| metric["metric"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(!names(&compared).contains(&"acc@wild".to_owned()));
    assert!(compared["notes"].to_string().contains("test@wild is left out"));
    let refused = bench.fails(2, &["compare", run, second, "--metric", "acc@wild"]);
    assert!(refused.contains("must not be ranked"), "{refused}");
    // Another name for the same, said where it need not be, is the same; the own test split was looked at by two sets of numbers.
    let looks = |run: &serde_json::Value| {
        let text = std::fs::read(bench.path(run["run_dir"].as_str().unwrap()).join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap();
        (
            manifest["test_looks"].clone(),
            manifest["tests"][0]["test_looks"].clone(),
        )
    };
    assert_eq!(
        looks(&other),
        (1.into(), 1.into()),
        "the same numbers on the own test split, another rule there"
    );
    bench.write(
        "across.toml",
        format!("{FACES}[test.names]\nHAPPINESS = \"Happiness\"\n"),
    );
    let same = bench.json(&across(&[]));
    assert_eq!(same["run_dir"], run);
    // Two runs of one rule.
    bench.write("across.toml", FACES);
    let third = bench.json(&across(&["--set", "loss.margin=0.3"]));
    let compared = bench.json(&["compare", run, third["run_dir"].as_str().unwrap(), "--json"]);
    assert!(names(&compared).contains(&"acc@wild".to_owned()));
    let pair = compared["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|pair| pair["metric"] == "acc@wild")
        .unwrap();
    assert!(pair["p_samples"].is_number() && pair["mcnemar"].is_object(), "{pair}");
    // A damaged baseline of it is told.
    let text = std::fs::read_to_string(bench.path("b.toml")).unwrap();
    let baseline: toml::Table = text.parse().unwrap();
    fits("baseline", &serde_json::to_value(baseline).unwrap());
    let digest = &text[text.find("[tests.wild]").unwrap()..];
    let digest = digest
        .split("samples_digest = \"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    bench.write("c.toml", text.replace(digest, &"0".repeat(64)));
    let told = bench.fails(3, &["check", run, "--baseline", "c.toml"]);
    assert!(told.contains("these are not the predictions of c.toml"), "{told}");
}

#[test]
fn test_sets_that_cannot_be_are_told_where_they_stand() {
    let bench = Bench::new();
    let told = |base: &str, text: &str| {
        bench.write(
            "wrong.toml",
            format!("schema = 1\nextends = \"recipes/{base}.toml\"\n{text}"),
        );
        let said = bench.fails(2, &["validate", "wrong.toml"]);
        assert!(said.contains("wrong.toml:"), "{said}");
        said.split_whitespace()
            .filter(|word| *word != "│")
            .collect::<Vec<_>>()
            .join(" ")
    };
    let of = |card: &str| format!("[[test]]\n[test.dataset]\ncard = \"{card}\"\n");
    let wild = of("affectnet8");
    for (base, text, expected) in [
        (
            "rafdb",
            format!("{wild}[test.protocol]\nseeds = [1]\n"),
            "`seeds` says nothing about what is tested",
        ),
        ("rafdb", of("disfa"), "the database disfa has no labels for this task"),
        (
            "rafdb",
            format!("{wild}{wild}"),
            "two test sets are called `affectnet8`",
        ),
        (
            "rafdb",
            format!("{wild}[test.names]\nawe = \"fear\"\n"),
            "`awe` is none of the outputs of this test set",
        ),
        (
            "rafdb",
            format!("{wild}[test.names]\nanger = \"awe\"\n"),
            "`awe`, which `anger` shall be, is none",
        ),
        (
            "rafdb",
            wild.replace("[[test]]\n", "[[test]]\nname = \"a@b\"\n"),
            "`a@b` cannot be the name of a test set",
        ),
        (
            "rafdb",
            format!("{wild}[test.dataset.attributes]\nown = [\"x\"]\n"),
            "attributes are those of the recipe's own",
        ),
        (
            "rafdb",
            format!("{}path = \"x.npy\"\n", of("table")),
            "features made elsewhere and images cannot stand in one run",
        ),
        ("rafdb", wild.replace("[[test]]", "[test]"), "write [[test]]"),
        (
            "rafdb",
            format!("{wild}[expect.\"acc@wild\"]\nmin = 0.1\n"),
            "no [[test]] of this recipe is called `wild`",
        ),
        (
            "rafdb",
            format!("{wild}[test.stand_in]\nsamples = 3\n"),
            "between 100 and 1,000,000 faces are drawn",
        ),
        (
            "disfa",
            of("emotionet").replace("[[test]]\n", "[[test]]\nanswers = \"all\"\n"),
            "`answers` means nothing here",
        ),
    ] {
        let said = told(base, &text);
        assert!(said.contains(expected), "{text}\n{said}");
    }
    // A database that is not there is told before anything is done.
    bench.write("rafdb/nothing", "");
    bench.write(
        "away.toml",
        format!("schema = 1\nextends = \"recipes/rafdb.toml\"\n{wild}"),
    );
    let said = bench.ok(&["validate", "away.toml", "--stand-in"]);
    assert!(said.contains("test@affectnet8: AffectNet, eight expressions"), "{said}");
}
