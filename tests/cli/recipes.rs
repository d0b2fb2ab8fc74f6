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
        let path = format!("recipes/{name}.toml");
        bench.ok(&["validate", &path]);
        bench.ok(&["validate", &path, "--stand-in"]);
    }
}

#[test]
fn a_recipe_is_asked_for_by_name_and_a_file_goes_first() {
    let bench = Bench::new();
    let by_path = resolved("recipes/disfa.toml", &["--stand-in"]);
    assert_eq!(resolved("disfa", &["--stand-in"]), by_path);
    // In other recipes too: as what is extended, and in the list of a study.
    bench.write("mine/a.toml", "schema = 1\nextends = \"disfa\"\nname = \"disfa\"\n");
    let extended: toml::Table = bench
        .ok(&["validate", "mine/a.toml", "--stand-in", "--resolved"])
        .parse()
        .unwrap();
    assert_eq!(extended, by_path);
    bench.write(
        "mine/study.toml",
        "schema = 1\n[sweep]\nrecipes = [\"rafdb\", \"disfa\"]\n\"train.epochs\" = [1, 2]\n",
    );
    let study = bench.ok(&["validate", "mine/study.toml", "--stand-in"]);
    assert!(study.contains("rafdb") && study.contains("disfa"), "{study}");
    // A file of that name is what is meant, and a path that leads nowhere is no name.
    bench.write(
        "disfa",
        "schema = 1\nextends = \"recipes/rafdb.toml\"\nname = \"other\"\n",
    );
    let file: toml::Table = bench
        .ok(&["validate", "disfa", "--stand-in", "--resolved"])
        .parse()
        .unwrap();
    assert_eq!(file["name"].as_str(), Some("other"));
    let text = bench.fails(2, &["run", "mine/rafdb", "--stand-in"]);
    assert!(text.contains("cannot read the recipe mine/rafdb"), "{text}");
}

/// The resolved recipe.
fn resolved(name: &str, more: &[&str]) -> toml::Table {
    let mut arguments = vec!["validate", name, "--resolved"];
    arguments.extend(more);
    Bench::new().ok(&arguments).parse().unwrap()
}

fn encoder(recipe: &toml::Table) -> (&str, Option<&str>) {
    let text = |key| recipe["encoder"].get(key).and_then(toml::Value::as_str);
    (text("kind").unwrap(), text("weights"))
}

const CLIP: &str = "hf://openai/clip-vit-base-patch16@57c216476eefef5ab752ec549e440a49ae4ae5f3";
const DINO: &str = "hf://facebook/dino-vitb16@f205d5d8e640a89a2b8ef0369670dfc37cc07fc2";

#[test]
fn the_papers_run_is_the_default_on_a_licensed_database() {
    for name in [
        "rafdb",
        "affectnet7",
        "affectnet8",
        "affectnet_va",
        "disfa",
        "emotionet",
    ] {
        let name = format!("recipes/{name}.toml");
        let units = name.contains("disfa") || name.contains("emotionet");
        let licensed = resolved(&name, &[]);
        assert_eq!(encoder(&licensed), ("clip", Some(CLIP)), "{name}");
        let tokens = if units { "all" } else { "none" };
        assert_eq!(licensed["features"]["tokens"].as_str(), Some(tokens), "{name}");
        // One override for another encoder.
        let hog = resolved(&name, &["--set", "encoder.kind=hog"]);
        assert_eq!(encoder(&hog), ("hog", None), "{name}");
        let dino = resolved(&name, &["--set", "encoder.kind=dino"]);
        assert_eq!(encoder(&dino), ("dino", Some(DINO)), "{name}");
        assert_eq!(encoder(&resolved(&name, &["--stand-in"])), ("hog", None), "{name}");
        // A folder of weights is read on the database, and does not spoil the overrides for generated faces.
        let folder = resolved(&name, &["--set", "encoder.weights=/models/clip"]);
        assert_eq!(encoder(&folder), ("clip", Some("/models/clip")), "{name}");
    }
    let text = Bench::new().ok(&["validate", "recipes/encoders.toml", "--resolved"]);
    assert_eq!((text.matches(CLIP).count(), text.matches(DINO).count()), (3, 3));
}

#[test]
fn an_encoder_of_another_kind_takes_over_no_weights() {
    let bench = Bench::new();
    bench.write(
        "base.toml",
        format!("{HEAD}[encoder]\nkind = \"clip\"\nweights = \"/models/l\"\ninput_size = 336\nprecision = \"bf16\"\n"),
    );
    bench.write(
        "mine.toml",
        "extends = \"base.toml\"\nschema = 1\n[encoder]\nkind = \"dino\"\n",
    );
    let with = |name: &str, more: &[&str]| -> toml::Table {
        let mut arguments = vec!["validate", name, "--resolved"];
        arguments.extend(more);
        bench.ok(&arguments).parse().unwrap()
    };
    let dino = with("mine.toml", &[]);
    assert_eq!(encoder(&dino), ("dino", Some(DINO)));
    assert_eq!(dino["encoder"]["precision"].as_str(), Some("bf16"));
    assert!(dino["encoder"].get("input_size").is_none());
    assert_eq!(
        encoder(&with("base.toml", &["--set", "encoder.kind=hog"])),
        ("hog", None)
    );
    // Whichever comes first, what is set for the new kind belongs to it.
    let weights = ["--set", "encoder.weights=/models/d"];
    let kind = ["--set", "encoder.kind=dino"];
    for more in [[weights, kind].concat(), [kind, weights].concat()] {
        assert_eq!(encoder(&with("base.toml", &more)), ("dino", Some("/models/d")));
    }
    // HOG and weights side by side are a mistake.
    let text = bench.fails(
        2,
        &[
            "validate",
            "base.toml",
            "--set",
            "encoder={ kind = \"hog\", weights = \"x\" }",
        ],
    );
    assert!(
        text.contains("encoder.weights") && text.contains("set encoder.kind"),
        "{text}"
    );
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
