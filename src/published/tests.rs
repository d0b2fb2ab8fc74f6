use std::collections::BTreeSet;

use crate::error::Error;
use crate::published::beside::{BesideTable, BesideVerdict};
use crate::published::file::{Paper, PaperCell};
use crate::query::fixture::Point;

use super::*;

const SMALL: &str = r#"
schema = 1
id = "small"
title = "Small"
source = "a test"

[[table]]
id = "t"
place = "Table 1"
key = "class"
columns = [{ name = "n", title = "N" }, { name = "share", title = "Share", digits = 2 }, { name = "like", title = "Like", words = true }]
rows = [
  { row = "a", n = 10, share = 0.25, like = "b" },
  { row = "b", n = 30, share = 0.75 },
]

[[text]]
id = "total"
place = "Section 2"
about = "samples"
value = 40

[[rule]]
id = "total"
says = "the rows add up"
check = "sum(t: n) == text.total"

[[rule]]
id = "share"
says = "a share is a count over the total"
over = ["t"]
check = "share == n / text.total"
"#;

fn findings(text: &str) -> Vec<String> {
    lint(&Paper::parse(text, "small.toml").unwrap())
        .unwrap()
        .findings
        .into_iter()
        .map(|finding| format!("{}: {}: {}", finding.rule, finding.place, finding.arithmetic))
        .collect()
}

fn refusal(text: &str) -> String {
    match Paper::parse(text, "small.toml") {
        Ok(paper) => lint(&paper).unwrap_err().to_string(),
        Err(Error::Document(mistake)) => mistake.one_line(),
        Err(other) => panic!("expected a mistake in the document: {other}"),
    }
}

fn with_rule(rule: &str) -> String {
    format!("{SMALL}\n[[rule]]\nid = \"extra\"\nsays = \"it holds\"\n{rule}\n")
}

#[test]
fn sound_numbers_pass_and_a_changed_one_is_found_with_its_arithmetic() {
    assert_eq!(findings(SMALL), Vec::<String>::new());
    assert_eq!(
        findings(&SMALL.replace("n = 30", "n = 31")),
        [
            "total: Section 2 (samples); Table 1 (N): 10 + 31 = 41 ≠ 40",
            "share: Table 1, class b; Section 2 (samples): 0.75 ≠ 0.775 = 31 / 40",
        ]
    );
}

#[test]
fn what_is_not_printed_is_said_not_passed_over() {
    assert_eq!(
        findings(&SMALL.replace("n = 30, ", "")),
        [
            "total: Section 2 (samples); Table 1 (N): cannot be checked, there is no number for: Table 1, row b, column “N”",
            "share: Table 1, class b; Section 2 (samples): cannot be checked, there is no number for: Table 1, row b, column “N”",
        ]
    );
    assert_eq!(
        findings(&with_rule(
            "over = ['t']\nwhen = 'given(like)'\ncheck = 'n < t[like].n'"
        )),
        Vec::<String>::new()
    );
}

#[test]
fn arithmetic_is_written_as_it_is_read() {
    let broken = |check: &str| findings(&with_rule(&format!("check = '''{check}'''")))[0].clone();
    for (check, shown) in [
        ("3 * (sum(t: n) - 1) == 1", "3 × (10 + 30 − 1) = 117 ≠ 1"),
        ("1 - (2 - 3) - 4 == 0", "1 − (2 − 3) − 4 = −2 ≠ 0"),
        ("max(t: n) / 2 < min(t: n)", "max(10, 30) / 2 = 15 ≥ 10 = min(10, 30)"),
        ("1 < 2 < 2", "2 ≥ 2"),
        ("all(t: n > 10)", "a: 10 ≤ 10"),
        (
            "any(t: n > 30) or 1 == 2",
            "no row does: a: 10 ≤ 30; b: 30 ≤ 30, and 1 ≠ 2",
        ),
        ("abs(1 - 3) == 1 and 1 == 1", "|1 − 3| = 2 ≠ 1"),
        ("not 1 == 1", "not so: not (1 = 1)"),
        ("mean(t: n where row == 'b') == 20", "30 ≠ 20"),
        ("0.001234 == 1", "0.00123 ≠ 1"),
    ] {
        let finding = broken(check);
        assert!(finding.ends_with(&format!(": {shown}")), "{check}: {finding}");
    }
}

#[test]
fn mistakes_in_a_file_are_named() {
    for (text, message) in [
        ("schema = 1", "small.toml:1: `id` is missing"),
        (
            &SMALL.replace("schema = 1", "schema = 2"),
            "small.toml:2: impossible value for `schema`: expected 1, found 2",
        ),
        (
            &SMALL.replace("n = 10", "m = 10"),
            "small.toml:13: impossible value for `table[0].rows[0].m`: table `t`: row `a`: there is no column `m`; did you mean `n`? \
             columns: n, share, like",
        ),
        (
            &SMALL.replace("n = 10", "n = 'ten'"),
            "small.toml:13: impossible value for `table[0].rows[0].n`: table `t`: row `a`, column `n`: expected a number",
        ),
        (
            &SMALL.replace("n = 10", "n = nan"),
            "row `a`, column `n`: expected a number",
        ),
        (&SMALL.replace("row = \"b\"", "row = \"a\""), "small.toml:14: "),
        (&SMALL.replace("row = \"b\"", "row = \"a\""), "row `a` is there twice"),
        (
            &SMALL.replace("over = [", "ovre = ["),
            "small.toml:31: unknown key `rule[1].ovre`; did you mean `over`?",
        ),
        (
            &with_rule("check = '1 +'"),
            "small.toml:37: impossible value for `rule[2].check`: rule `extra`, `check`: expected a number",
        ),
        (&with_rule("check = 'sum(u: n) == 1'"), "there is no table `u`"),
        (&with_rule("check = 'sum(t: m) == 1'"), "table `t` has no column `m`"),
        (
            &with_rule("check = 'n == 1'"),
            "`n` is a column, but there is no row at hand",
        ),
        (&with_rule("check = 'text.n == 1'"), "there is no text `n`"),
        (
            &with_rule("check = 'sqrt(4) == 2'"),
            "there is no function `sqrt`; functions: abs",
        ),
        (
            &with_rule("check = 'round(1, 2, 3) == 2'"),
            "`round` takes [1, 2] arguments, found 3",
        ),
        (&with_rule("check = '''t['c'].n == 2'''"), "table `t` has no row `c`"),
        (
            &with_rule("over = ['t']\nwhen = 'm > 1'\ncheck = 'n == n'"),
            "`when`: table `t` has no column `m`",
        ),
        (
            &with_rule("when = '1 > 1'\ncheck = '1 == 1'"),
            "it chooses rows of `over`",
        ),
        (
            &with_rule("check = '''1 == 'a' '''"),
            "words and numbers cannot be compared",
        ),
        (&with_rule("check = '''card('nothing', 'train') == 1'''"), "nothing"),
        (&with_rule("check = '1'"), "expected a comparison, found 1"),
        (&with_rule("check = '1 / 0 == 1'"), "1 / 0 is not a number"),
    ] {
        let error = refusal(text);
        assert!(
            error.starts_with("small.toml:") && error.contains(message),
            "{message}: {error}"
        );
    }
}

#[test]
fn cards_are_asked() {
    let broken = |check: &str| findings(&with_rule(&format!("check = '''{check}'''")));
    assert!(broken("card('rafdb', 'train') == 12271 and card('rafdb', 'train', 'anger') == 705").is_empty());
    assert!(broken("card_aus('disfa') == 12 and card_subjects('disfa') == 27").is_empty());
    assert!(broken("card_rows('affectnet_va', 'train') == 414799").is_empty());
    assert_eq!(
        broken("card('emotionet', 'train') == 1"),
        [
            "extra: what the card of EmotioNet says of train: cannot be checked, there is no number for: what the card of \
          EmotioNet says of train"
        ]
    );
}

/// The report on the paper, whole: whoever changes a number or a rule sees what comes of it.
#[test]
fn report_on_the_paper() {
    let report = lint(&Paper::built_in("aura").unwrap()).unwrap();
    insta::assert_snapshot!(report.to_text());
}

thread_local! {
    static CARDS: super::cards::Cards = super::cards::Cards::default();
}

fn signature(paper: &Paper) -> BTreeSet<(String, String, String)> {
    CARDS
        .with(|cards| super::lint::lint_with(paper, cards))
        .unwrap()
        .findings
        .into_iter()
        .map(|finding| (finding.rule, finding.place, finding.arithmetic))
        .collect()
}

/// Tables and columns that equations tie down: whatever else is written there must be found.
const TIED: [(&str, &[&str]); 11] = [
    ("rafdb", &["assigned", "matched", "samples"]),
    ("arousal", &["low", "high", "assigned", "matched", "samples"]),
    ("valence", &["low", "high", "assigned", "matched", "samples"]),
    ("au12", &["low", "high", "assigned", "matched", "samples"]),
    ("au25", &["low", "high", "assigned", "matched", "samples"]),
    (
        "k_max",
        &[
            "k_stable",
            "anger",
            "disgust",
            "fear",
            "happiness",
            "neutral",
            "sadness",
            "surprise",
        ],
    ),
    ("encoders", &["acc", "acc_gain", "ccc", "ccc_gain", "f1", "f1_gain"]),
    ("lambda", &["proj", "arc", "contx"]),
    ("said_arousal", &["low", "high", "assigned"]),
    ("said_classes", &["assigned", "uses_min", "uses_max"]),
    ("said_gains", &["acc_gain", "ccc_gain", "f1_gain"]),
];

fn tied_cells(paper: &Paper) -> Vec<(usize, usize, usize)> {
    let mut cells = Vec::new();
    for (id, columns) in TIED {
        let t = paper.tables.iter().position(|table| table.id == id).unwrap();
        let table = &paper.tables[t];
        for name in columns {
            let c = table.column(name).unwrap();
            cells.extend(
                (0..table.rows.len())
                    .filter(|r| matches!(table.rows[*r].cells[c], PaperCell::Number(_)))
                    .map(|r| (t, r, c)),
            );
        }
    }
    cells
}

/// The paper with one number moved by so many units of its last printed digit.
fn moved(paper: &Paper, (t, r, c): (usize, usize, usize), units: i32) -> Paper {
    let mut paper = paper.clone();
    let step = 10f64.powi(-(paper.tables[t].columns[c].digits as i32));
    let cell = &mut paper.tables[t].rows[r].cells[c];
    if let PaperCell::Number(number) = cell {
        *cell = PaperCell::Number(*number + f64::from(units) * step);
    }
    paper
}

#[test]
fn a_slip_of_the_last_digit_is_found_in_every_number_that_an_equation_ties_down() {
    let paper = Paper::built_in("aura").unwrap();
    let before = signature(&paper);
    let cells = tied_cells(&paper);
    assert!(cells.len() > 220, "{}", cells.len());
    for cell in cells {
        for units in [1, -1] {
            assert_ne!(
                signature(&moved(&paper, cell, units)),
                before,
                "{}, {}, {} moved by {units}",
                paper.tables[cell.0].id,
                paper.tables[cell.0].rows[cell.1].name,
                paper.tables[cell.0].columns[cell.2].name
            );
        }
    }
}

#[test]
fn a_gross_error_in_a_usage_range_is_found() {
    let paper = Paper::built_in("aura").unwrap();
    let before = signature(&paper);
    for (t, table) in paper.tables.iter().enumerate() {
        for (name, units) in [("uses_min", 20_000), ("uses_max", -20_000)] {
            let Some(c) = table.column(name) else { continue };
            for r in 0..table.rows.len() {
                assert_ne!(
                    signature(&moved(&paper, (t, r, c), units)),
                    before,
                    "{}, row {r}, {name}",
                    table.id
                );
            }
        }
    }
}

#[test]
fn a_changed_number_of_the_running_text_is_found() {
    let paper = Paper::built_in("aura").unwrap();
    let before = signature(&paper);
    let unchecked = lint(&paper).unwrap().unchecked;
    let mut passed_over = Vec::new();
    for (i, said) in paper.texts.iter().enumerate() {
        let mut changed = paper.clone();
        changed.texts[i].value = said.value.map(|value| if value == 0.0 { 7.0 } else { -3.0 * value });
        let id = format!("text.{}", said.id);
        if said.value.is_some() && !unchecked.contains(&id) && signature(&changed) == before {
            passed_over.push(id);
        }
    }
    assert_eq!(passed_over, Vec::<String>::new());
}

const RECIPE: &str = "[encoder]\nkind = 'clip'\n[train]\nlr = 1e-4\n[model]\ndropout = 0.2\n\
                      [loss]\nlambda_proj = 1.0\nlambda_arc = 1.0\nlambda_contx = 1.0\nbeta = 1.0\nmargin = 0.3";

/// A run with the size of the paper's dictionary, of which 12 archetypes stay: 11 of anger, 1 of fear.
fn run(stand_in: bool, recipe: &str) -> (tempfile::TempDir, Vec<std::path::PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    Point {
        stand_in,
        recipe,
        classes: &["anger", "fear"],
        k_max: 150,
        kept: &[
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        ],
        metrics: &[
            ("aura", "test", "acc", &[Some(0.94), Some(0.95)]),
            ("aura", "all", "convergence_epoch", &[Some(150.0), None]),
        ],
        ..Point::default()
    }
    .write(folder.path());
    let runs = vec![folder.path().to_owned()];
    (folder, runs)
}

const OPEN: [&str; 5] = ["convergence", "dictionary", "encoder-size", "margin", "selection"];

#[test]
fn a_run_stands_beside_what_is_printed() {
    let paper = Paper::built_in("aura").unwrap();
    let (_folder, runs) = run(false, RECIPE);
    let assume: Vec<String> = OPEN.iter().map(|name| (*name).to_owned()).collect();
    let tables = beside(&paper, &runs, &assume).unwrap();
    let text: Vec<String> = tables.iter().map(BesideTable::to_text).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn a_run_is_compared_only_under_the_same_conditions() {
    let paper = Paper::built_in("aura").unwrap();
    let reasons = |stand_in, recipe: &str, assume: &[&str]| {
        let (_folder, runs) = run(stand_in, recipe);
        let assume: Vec<String> = assume.iter().map(|name| (*name).to_owned()).collect();
        let tables = beside(&paper, &runs, &assume).unwrap();
        let margin = tables.iter().find(|table| table.table == "margin").unwrap();
        assert!(
            margin.numbers[0].verdict == BesideVerdict::NotComparable && margin.numbers[0].difference.is_some(),
            "the difference is always given"
        );
        margin.reasons.clone()
    };
    assert_eq!(
        reasons(false, RECIPE, &["encoder-size", "dictionary"]),
        ["the paper does not say which epoch is reported (to be assumed: selection)"]
    );
    assert_eq!(
        reasons(true, RECIPE, &OPEN),
        ["the faces of the run are generated stand-ins"]
    );
    let other = RECIPE.replace("'clip'", "'hog'").replace("beta = 1.0\n", "");
    assert_eq!(
        reasons(false, &other, &OPEN),
        [
            "encoder.kind is hog in the run, clip in the paper",
            "the run does not say loss.beta, which is 1.0 in the paper"
        ]
    );
    let (_folder, runs) = run(false, RECIPE);
    let error = beside(&paper, &runs, &["luck".to_owned()]).unwrap_err().to_string();
    assert!(
        error.starts_with("assume luck: the paper leaves open convergence, "),
        "{error}"
    );
}

#[test]
fn the_heading_says_what_the_numbers_are_not() {
    let paper = Paper::built_in("aura").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = Point {
        stand_in: true,
        recipe: RECIPE,
        weights: Some("random:3"),
        metrics: &[("aura", "test", "acc", &[Some(0.94), Some(0.95)])],
        ..Point::default()
    }
    .write(folder.path());
    let headings = |run: std::path::PathBuf| -> Vec<String> {
        let tables = beside(&paper, &[run], &[]).unwrap();
        assert!(!tables.is_empty());
        let first = |table: &BesideTable| table.to_text().lines().next().unwrap_or_default().to_owned();
        tables.iter().map(first).collect()
    };
    for heading in headings(run) {
        assert!(heading.ends_with(" · STAND-IN · RANDOM WEIGHTS · 2 seeds"), "{heading}");
    }
    let (trained, _) = super::tests::run(false, RECIPE);
    for heading in headings(trained.path().to_owned()) {
        assert!(
            !heading.contains("RANDOM") && !heading.contains("STAND-IN"),
            "{heading}"
        );
    }
}

#[test]
fn a_run_of_another_database_has_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    Point {
        dataset: "mine",
        ..Point::default()
    }
    .write(folder.path());
    let paper = Paper::built_in("aura").unwrap();
    let error = beside(&paper, &[folder.path().to_owned()], &[]).unwrap_err();
    assert_eq!(error.exit_code(), crate::error::exit::DATA);
    assert!(
        error
            .to_string()
            .contains("it has numbers for affectnet_va (valence_arousal), "),
        "{error}"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(60))]
    #[test]
    fn any_planted_error_is_found(index in proptest::prelude::any::<proptest::sample::Index>(), units in 1i32..5000, down: bool) {
        let paper = Paper::built_in("aura").unwrap();
        let cells = tied_cells(&paper);
        let cell = *index.get(&cells);
        let units = if down { -units } else { units };
        proptest::prop_assert_ne!(signature(&moved(&paper, cell, units)), signature(&paper));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[ -~\n]{0,200}") {
        let _ = Paper::parse(&text, "any.toml");
    }
}
