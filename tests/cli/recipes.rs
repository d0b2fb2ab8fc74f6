//! Every mistake in a recipe is shown with file, line, caret and advice.

use crate::Bench;

fn complaint(recipe: &str, more: &[&str]) -> String {
    let bench = Bench::new();
    bench.write("mine.toml", recipe);
    let mut arguments = vec!["validate", "mine.toml"];
    arguments.extend(more);
    bench.fails(2, &arguments)
}

const HEAD: &str = "schema = 1\n[dataset]\ncard = \"rafdb\"\n";

#[test]
fn unknown_key() {
    insta::assert_snapshot!(complaint(&format!("{HEAD}[train]\nepoch = 3\n"), &[]));
}

#[test]
fn unknown_section() {
    insta::assert_snapshot!(complaint(&format!("{HEAD}[trian]\nepochs = 3\n"), &[]));
}

#[test]
fn wrong_type() {
    insta::assert_snapshot!(complaint(&format!("{HEAD}[train]\nepochs = \"many\"\n"), &[]));
}

#[test]
fn impossible_value() {
    insta::assert_snapshot!(complaint(&format!("{HEAD}[protocol]\nvalidation = 1.5\n"), &[]));
}

#[test]
fn impossible_variant() {
    insta::assert_snapshot!(complaint(
        &format!("{HEAD}[protocol]\nselection = \"best_on_vall\"\n"),
        &[]
    ));
}

#[test]
fn unknown_class() {
    insta::assert_snapshot!(complaint(
        &format!("{HEAD}[protocol]\nclasses = [\"hapiness\", \"fear\"]\n"),
        &[]
    ));
}

#[test]
fn unknown_card() {
    insta::assert_snapshot!(complaint("schema = 1\n[dataset]\ncard = \"rafbd\"\n", &[]));
}

#[test]
fn missing_section() {
    insta::assert_snapshot!(complaint("schema = 1\n", &[]));
}

#[test]
fn another_schema() {
    insta::assert_snapshot!(complaint("schema = 9\n[dataset]\ncard = \"rafdb\"\n", &[]));
}

#[test]
fn not_toml() {
    insta::assert_snapshot!(complaint("schema = 1\n[dataset\n", &[]));
}

#[test]
fn override_without_value() {
    insta::assert_snapshot!(complaint(HEAD, &["--set", "train.epochs"]));
}

#[test]
fn override_of_unknown_key() {
    insta::assert_snapshot!(complaint(HEAD, &["--set", "train.epoch=4"]));
}

#[test]
fn override_of_wrong_type() {
    insta::assert_snapshot!(complaint(HEAD, &["--set", "train.epochs=few"]));
}

#[test]
fn a_mistake_in_the_stand_in_overrides_shows_in_every_run() {
    insta::assert_snapshot!(complaint(&format!("{HEAD}[stand_in.override.train]\nepoch = 3\n"), &[]));
}

#[test]
fn missing_file() {
    insta::assert_snapshot!(Bench::new().fails(2, &["validate", "nowhere.toml"]));
}

#[test]
fn extends_a_missing_file() {
    insta::assert_snapshot!(complaint(&format!("extends = \"base.toml\"\n{HEAD}"), &[]));
}

#[test]
fn extends_in_a_circle() {
    let bench = Bench::new();
    bench.write("a.toml", format!("extends = \"b.toml\"\n{HEAD}"));
    bench.write("b.toml", "extends = \"a.toml\"\nschema = 1\n");
    insta::assert_snapshot!(bench.fails(2, &["validate", "a.toml"]));
}

#[test]
fn a_mistake_in_the_extended_recipe_names_that_file() {
    let bench = Bench::new();
    bench.write("base.toml", format!("{HEAD}[train]\nepoch = 3\n"));
    bench.write("mine.toml", "extends = \"base.toml\"\nschema = 1\n");
    insta::assert_snapshot!(bench.fails(2, &["validate", "mine.toml"]));
}

#[test]
fn later_values_win_and_tables_merge() {
    let bench = Bench::new();
    bench.write(
        "base.toml",
        format!("{HEAD}[train]\nepochs = 3\n[protocol]\nseeds = [4, 5]\n"),
    );
    bench.write(
        "mine.toml",
        "extends = \"base.toml\"\nschema = 1\n[protocol]\nseeds = [9]\n",
    );
    let resolved = bench.ok(&["validate", "mine.toml", "--resolved", "--set", "train.epochs=8"]);
    let resolved: toml::Table = resolved.parse().unwrap();
    assert_eq!(resolved["train"]["epochs"].as_integer(), Some(8));
    assert_eq!(resolved["protocol"]["seeds"].as_array().map(Vec::len), Some(1));
}

#[test]
fn every_built_in_recipe_is_valid_both_ways() {
    let bench = Bench::new();
    for name in aura_bench::built_in() {
        bench.ok(&["validate", &name]);
        bench.ok(&["validate", &name, "--stand-in"]);
    }
}

#[test]
fn a_key_that_is_gone_says_what_took_its_place() {
    let text = complaint(&format!("{HEAD}[features]\nmax_megapixels = 40\n"), &[]);
    assert!(
        text.contains("`features.max_megapixels` is gone") && text.contains("[mine.toml:5:1]"),
        "{text}"
    );
    assert!(text.contains("set dataset.max_pixels = 41943040"), "{text}");
    let bench = Bench::new();
    bench.write("mine.toml", format!("{HEAD}max_pixels = 40000000\n"));
    let resolved = bench.ok(&["validate", "mine.toml", "--resolved"]);
    assert!(resolved.contains("max_pixels = 40000000"), "{resolved}");
}
