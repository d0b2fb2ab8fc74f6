use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::query::fixture::{Fixture, Point};

use super::build::{ReportPaths, build};
use super::config::ReportOptions;
use super::escape::{self};
use super::{cells, figure};

pub(super) fn report(fixtures: &[Fixture<'_>], options: &ReportOptions) -> (tempfile::TempDir, ReportPaths) {
    let folder = tempfile::tempdir().unwrap();
    for fixture in fixtures {
        fixture.write(&folder.path().join("runs"));
    }
    let paths = build(&[folder.path().join("runs")], &folder.path().join("out"), options).unwrap();
    (folder, paths)
}

pub(super) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// All files below a folder, by their path in it.
pub(super) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                out.insert(
                    path.strip_prefix(folder).unwrap().display().to_string(),
                    std::fs::read(&path).unwrap(),
                );
            }
        }
    }
    out
}

/// Class names that try to break out of every format.
const HOSTILE: [&str; 3] = [
    "<script>alert(1)</script></td>\"'`",
    "\\input{/etc/passwd} 100% a_b #1 $x$ & ~^ {} |cell| --dash",
    "*bold* [link](http://x) <!-- ]]> \n| new | row |\n=1+1,\"q\" 中文 \u{202e}",
];

#[test]
fn a_small_run_gives_the_tables_worked_out_by_hand() {
    let (folder, paths) = report(&[Fixture::default()], &ReportOptions::default());
    let markdown = read(&paths.markdown);
    let tables = &markdown[..markdown.find("## Provenance").unwrap()];
    insta::assert_snapshot!(tables, @r#"
    # Report of tiny-0a1b2c3d

    > **STAND-IN.** Every image behind these numbers was drawn by a program. They say nothing about a database of photographs.

    **[STAND-IN] 96.9 %** accuracy, AURA, primal archetype (95 % interval 75.0 to 99.0, 16 test samples of RAF-DB, mean over 2 seeds). AURA, primal archetype is above its one rival, k nearest neighbours, at 75.0 %: +21.9 points (95 % interval 11.9 to 31.9).

    ## In short

    ![Every method with its accuracy on the test split and the 95 % interval: AURA, primal archetype 96.9 \[75.0, 99.0\]; k nearest neighbours 75.0 \[50.0, 90.0\].](figures/forest.svg)

    **[STAND-IN] Figure 1. Every method on the test split.** The primary metric: mean over seeds (square) with the 95 % interval of the finite test split, averaged over seeds (line), and each seed by itself (ring). Blue: the method that the run is about, and its other read-outs; the dashed line is at the number of the first.

    Statistic: `reports/sql/forest.sql`

    ## Results

    **[STAND-IN] Table 1. Expression recognition on the test split.** Mean ± standard deviation over seeds, in per cent. The 95 % interval is that of each seed's accuracy given the finite test set, averaged over seeds; it says nothing about the spread over seeds, and the other way round. A dash marks a number that not every seed has.

    | Method | Seeds | Samples | Accuracy | 95 % interval | Balanced accuracy | Macro F1 |
    | :--- | ---: | ---: | ---: | ---: | ---: | ---: |
    | AURA, primal archetype | 2 | 16 | 96.9 ± 4.4 | 75.0–99.0 | 97.5 ± 3.5 | 97.0 ± 4.2 |
    | k nearest neighbours | 2 | 16 | 75.0 ± 0.0 | 50.0–90.0 | — | — |
    | logistic regression | 1 | 16 | — | — | — | — |

    Statistic: `reports/sql/results_expression.sql`

    **[STAND-IN] Table 2. AURA against its rivals.** AURA's read-out minus the rival in the primary metric of the test split (of another database, where one is named), in points, mean over seeds. The 95 % interval holds the chance of the test samples (paired bootstrap, by subject where every sample names one) and that of the seeds; p is the larger of both, after Holm's correction over the rivals of a read-out and test set. Above or below: p is under 0.05 and the interval does not hold 0; else level. Held-out: the same metric on training samples held out from the model that was asked, by which settings are chosen; a dash where nothing is held out.

    | AURA | Rival | Lead | 95 % interval | p (Holm) | AURA is |
    | :--- | :--- | ---: | ---: | ---: | :--- |
    | AURA, primal archetype | logistic regression | +5.0 | −5.0 to 15.0 | 0.0200 | level |
    | AURA, primal archetype | k nearest neighbours | +21.9 | 11.9–31.9 | 0.0200 | above |

    Statistic: `reports/sql/standings.sql`

    **[STAND-IN] Table 3. Primary metric on every split.** Mean ± standard deviation over seeds, in per cent. The distance between training and test shows how much a method has learned by heart.

    | Method | Metric | Train | Test |
    | :--- | :--- | ---: | ---: |
    | AURA, primal archetype | accuracy | 100.0 ± 0.0 | 96.9 ± 4.4 |
    | k nearest neighbours | accuracy | — | 75.0 ± 0.0 |
    | logistic regression | accuracy | — | — |

    Statistic: `reports/sql/results_splits.sql`

    **[STAND-IN] Table 4. Whether probabilities are what they say.** Expected calibration error (ECE): the mean distance between the probability that a method gives its answer and the share of such answers that are right, over 15 bins of equal width; of action units, between the probability that a unit is active and the share that is, mean over units. Brier score: the mean squared error of the probabilities, of classes summed over them (0 to 2), of units their mean (0 to 1). Less is better in both. Thresholds of action units, which are fitted to F1, are taken back before. Mean ± standard deviation over seeds. Decisions of support vector machines are no probabilities and are left out.

    | Method | Split | Seeds | Samples | ECE | Brier score |
    | :--- | :--- | ---: | ---: | ---: | ---: |
    | AURA, primal archetype | test | 2 | 16 | 0.169 ± 0.044 | 0.104 ± 0.062 |

    Statistic: `reports/sql/calibration.sql`

    ![Share of right answers by the probability that was given. AURA, primal archetype: 32 answers in 1 of 15 bins; in the fullest bin 0.97 where 0.80 was said.](figures/reliability.svg)

    **[STAND-IN] Figure 2. Reliability diagram.** For each of 15 bins of the probability that was given, the share of answers that were right (of action units: of units that were active), against the mean probability; on the diagonal probabilities are what they say, below it they are too sure. The area of a dot follows the samples in its bin. AURA's read-outs and the best rival whose outputs are probabilities; test split, all seeds (folds and units) together.

    Statistic: `reports/sql/reliability.sql`

    ![Confusion matrix of 3 classes. Share of each class predicted correctly: happiness 93.8 %, neutral 100.0 %, sadness 100.0 %. Most frequent confusion: happiness taken for neutral in 6.2 % of its samples.](figures/confusion.svg)

    **[STAND-IN] Figure 3. Confusion matrix of the test split.** Rows are labels, columns are predictions of the primal archetype, or of the tool whose predictions were scored. Each cell gives the share of its row in per cent and, below it, the number of samples, pooled over seeds; the shade follows the share.

    Statistic: `reports/sql/confusion.sql`

    ## Archetypes

    **[STAND-IN] Table 5. Assigned archetypes by expression.** The expression block of the paper's Table 1: archetypes assigned to a class, the least and the greatest number of training samples that one of them is matched with, training samples matched to them, and training samples that carry the label. Mean ± standard deviation over seeds; the usage range covers all seeds.

    | Expression | Seeds | Archetypes | Usage range | Matched samples | Samples |
    | :--- | ---: | ---: | ---: | ---: | ---: |
    | happiness | 2 | 2.0 ± 1.4 | 2–12 | 12.5 ± 0.7 | 12 |
    | neutral | 2 | 1.0 ± 0.0 | 8–8 | 8.0 ± 0.0 | 8 |
    | sadness | 2 | 1.0 ± 0.0 | 3–4 | 3.5 ± 0.7 | 4 |
    | **all** | **2** | **4.0 ± 1.4** | **2–12** | **24.0 ± 0.0** | **24** |

    Statistic: `reports/sql/table1_expression_seeds.sql`

    **[STAND-IN] Table 6. Assigned archetypes by expression.** The expression block of the paper's Table 1: archetypes assigned to a class, the least and the greatest number of training samples that one of them is matched with, training samples matched to them, and training samples that carry the label.

    | Seed | Expression | Archetypes | Usage range | Matched samples | Samples |
    | ---: | :--- | ---: | ---: | ---: | ---: |
    | 0 | happiness | 3 | 2–7 | 13 | 12 |
    | 0 | neutral | 1 | 8–8 | 8 | 8 |
    | 0 | sadness | 1 | 3–3 | 3 | 4 |
    | **0** | **all** | **5** | **2–8** | **24** | **24** |
    | 1 | happiness | 1 | 12–12 | 12 | 12 |
    | 1 | neutral | 1 | 8–8 | 8 | 8 |
    | 1 | sadness | 1 | 4–4 | 4 | 4 |
    | **1** | **all** | **3** | **4–12** | **24** | **24** |

    Statistic: `reports/sql/table1_expression.sql`

    ![Bar chart of kept archetypes by class, mean over 2 seeds: happiness 2.0 of 12 samples, neutral 1.0 of 8 samples, sadness 1.0 of 4 samples.](figures/archetypes_per_class.svg)

    **[STAND-IN] Figure 4. Archetypes of each class.** Kept archetypes of each class: the bar is the mean over seeds, each ring is one seed. On the right, training samples with that label.

    Statistic: `reports/sql/archetypes_per_class.sql`

    **[STAND-IN] Table 7. Health of the dictionary.** Archetypes offered and kept after pruning; perplexity of their use (the number of evenly used archetypes with the same entropy); the largest share of training samples that one archetype holds; least and greatest use; archetypes that reach each share of the training samples before pruning; replacements during the warm-up; and the epoch from which the selection metric stays within 0.1 points of its best.

    | Seed | K max | Kept | Perplexity | Largest share (%) | Usage range | ≥ 0.05 % | ≥ 0.1 % | ≥ 0.2 % | ≥ 0.5 % | ≥ 1 % | Resets | Converged at |
    | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
    | 0 | 6 | 5 | 4.4 | 33.3 | 2–8 | 5 | 5 | 5 | 5 | 5 | 1 | 4 |
    | 1 | 3 | 3 | 2.7 | 50.0 | 4–12 | 3 | 3 | 3 | 3 | 3 | 1 | 5 |

    Statistic: `reports/sql/codebook.sql`

    ![Uses of the archetypes, most used first. seed 0: 5 archetypes, from 8 down to 2 samples, 2 of them hold half of the samples; seed 1: 3 archetypes, from 12 down to 4 samples, 1 of them hold half of the samples.](figures/usage.svg)

    **[STAND-IN] Figure 5. Use of the archetypes.** Training samples matched with each kept archetype, most used first, on a logarithmic scale; one line a seed. In a run with folds, the dictionary of the first fold.

    Statistic: `reports/sql/usage.sql`

    ![Contact sheet of the nearest training images of 5 archetypes: archetype 2 (neutral P1), 8 samples, 1 of its images labelled otherwise; archetype 0 (happiness P1), 7 samples; archetype 1 (happiness P2), 4 samples; archetype 3 (sadness P1), 3 samples; archetype 5 (happiness P3), 2 samples, 2 of its images labelled otherwise. 14 images could not be shown.](figures/contact_sheet.svg)

    **[STAND-IN] Figure 6. The most used archetypes and their nearest training images.** Each row is an archetype with its name (P1 is the most used one of its class) and the number of training samples matched with it; the images are the training samples nearest to it, nearest first, with their cosine similarity. A framed image carries another label than the archetype's class; the label is written below it.

    Statistic: `reports/sql/contact_sheet.sql`

    ## Training

    ![Training curves over 6 epochs, means over seeds: total (loss) goes from 3.025 at epoch 1 to 0.525 at epoch 6; VAS (loss) goes from 1.525 at epoch 1 to 0.275 at epoch 6; Arc (loss) goes from 1.025 at epoch 1 to 0.192 at epoch 6; Contx (loss) goes from 0.525 at epoch 1 to 0.108 at epoch 6; train (accuracy) goes from 0.500 at epoch 1 to 0.917 at epoch 6; test (accuracy) goes from 0.425 at epoch 1 to 0.842 at epoch 6; archetypes in use (archetypes) goes from 6.000 at epoch 1 to 5.000 at epoch 6; perplexity (archetypes) goes from 4.100 at epoch 1 to 4.600 at epoch 6.](figures/curves.svg)

    **[STAND-IN] Figure 7. Training curves.** Loss and its terms, the primary metric on each split, and archetypes in use with the perplexity of their use. Thin lines are single seeds, thick lines their mean over the epochs that all seeds reached.

    Statistic: `reports/sql/curves.sql`

    ## Labels

    ![One panel of images. 1. happiness P1, archetype 0 (0 labelled neutral; cosine of the pair 1.0): no images; neutral P1, archetype 2 (1 labelled happiness; cosine of the pair 1.0): 1 labelled happiness. One image could not be shown.](figures/label_pairs.svg)

    [More panels and images](label_issues.html)

    **[STAND-IN] Figure 8. Labels that neighbouring archetypes contradict.** As the paper's Figure 1 (a): pairs of neighbouring archetypes of different classes. Each side shows samples that this archetype took although they carry the other's class as their label, ranked by margin: the similarity with their archetype less that with the nearest archetype of the label's class. Below each image stand the label, then similarity · margin.

    Statistic: `reports/sql/label_pairs.sql`

    **[STAND-IN] Table 8. Labels that contradict their archetype.** Samples matched with an archetype of another class than their label, ranked by doubt: how much more of the archetype's value lies on its own class than on the label, averaged over all seeds. The margin is the similarity with the archetype less that with the nearest archetype of the label's class. Candidates for a second look, not errors: compound and mild expressions stand here too.

    | Sample | Split | Label | Archetype's class | Seeds that agree | Doubt | Similarity | Margin | Flipped on purpose |
    | :--- | :--- | :--- | :--- | ---: | ---: | ---: | ---: | :--- |
    | train\_00012 | train | happiness | neutral | 1 | 0.350 | 0.900 | 0.100 | yes |
    | train\_00020 | train | neutral | happiness | 1 | 0.350 | 0.900 | 0.100 | no |
    | train\_00021 | train | sadness | happiness | 1 | 0.350 | 0.900 | 0.100 | no |

    Statistic: `reports/sql/label_issues.sql`

    **[STAND-IN] Table 9. Finding the labels that were flipped on purpose.** Known only for drawn faces: a share of their labels was made wrong on purpose when they were made: exchanged between neighbouring expressions, or between faces far apart in valence, or one action unit changed. A sample is flagged if its label contradicts the class of its archetype, or by the outputs of the same model: by confident learning (of any of its units), or because output and label lie apart (z beyond 3.5 in any dimension). Precision: of the samples flagged, the share that was flipped. Recall: of the flipped labels, the share that was flagged. In per cent, mean ± standard deviation over seeds.

    | Split | Flagged by | Flipped labels | Precision | Recall | Average precision |
    | :--- | :--- | ---: | ---: | ---: | ---: |
    | train | archetype of another class | 1 | 50.0 ± 0.0 | 100.0 ± 0.0 | — |

    Statistic: `reports/sql/flip_detection.sql`

    **[STAND-IN] Table 10. Agreement of archetypes with planted modes.** Known only for drawn faces: each expression was drawn in several modes, which no method was told. Homogeneity is 1 if every archetype holds samples of one mode only, completeness is 1 if all samples of a mode lie in one archetype, and the normalised mutual information is their harmonic mean. The same with the drawn person shows whether archetypes follow identity instead. Mean ± standard deviation over seeds.

    | Quantity | Split | Value | Seeds |
    | :--- | :--- | ---: | ---: |
    | Planted modes: normalised mutual information | train | 0.850 ± 0.071 | 2 |
    | Planted modes: homogeneity (an archetype holds one mode) | train | 0.900 ± 0.000 | 2 |
    | Planted modes: completeness (a mode lies in one archetype) | train | 0.700 ± 0.000 | 2 |
    | Identity: normalised mutual information with the drawn person (low is good) | train | 0.200 ± 0.000 | 2 |

    Statistic: `reports/sql/mode_agreement.sql`

    ## Failures

    **[STAND-IN] Table 11. Whether failures resemble their archetype.** Cosine similarity of test samples with the archetype that decided, by what came of them. Nearer than its right ones: the share of samples that are nearer to their archetype than the median right prediction is to the same archetype, then to an archetype of the same predicted class; one as near counts half, so right predictions have 50 % by definition, which is the base rate. On drawn faces a wrong prediction whose label was exchanged on purpose stands apart: there the model may well be right about the face. There the table also says how strongly the faces were drawn (1 as planted) and which share leans to another expression. Mean ± standard deviation over seeds.

    | Prediction | Samples | Similarity | Nearer than its archetype's right ones (%) | Nearer than its class's right ones (%) |
    | :--- | ---: | ---: | ---: | ---: |
    | wrong, label right | 0.5 ± 0.7 | — | — | — |
    | right | 15.5 ± 0.7 | 0.900 ± 0.000 | 50.0 ± 0.0 | 50.0 ± 0.0 |

    Statistic: `reports/sql/failure_outcomes.sql`

    ## Data

    **[STAND-IN] Table 12. The same picture in two splits.** Samples of the training or validation split whose picture is in a later split too, told by the bytes of the image file or, where these differ or are not known, by the features. What is learned from them is asked for later, which flatters every method. The key protocol.duplicates says whether they are learned from.

    | Split | Sample | Also in | As sample | Equal | Sample is |
    | :--- | :--- | :--- | :--- | :--- | :--- |
    | train | train\_00001 | test | test\_00002 | image files | learned from |
    | train | train\_00003 | test | test\_00000 | features | learned from |

    Statistic: `reports/sql/duplicates.sql`
    "#);
    insta::assert_snapshot!(read(&folder.path().join("out/tables/table1_expression.tex")), @r#"
    % Statistic: reports/sql/table1_expression.sql
    % Needs \usepackage[T1]{fontenc} and the packages textcomp, array, booktabs, graphicx.
    \begin{table}[htbp]
    \centering
    \small
    \caption{\textbf{[STAND-IN: drawn faces, not a database]} \textbf{Assigned archetypes by expression.} The expression block of the paper's Table 1: archetypes assigned to a class, the least and the greatest number of training samples that one of them is matched with, training samples matched to them, and training samples that carry the label.}
    \label{tab:table1_expression}
    \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%
    \begin{tabular}{@{}rlrrrr@{}}
    \toprule
    Seed & Expression & Archetypes & \begin{tabular}[b]{@{}r@{}}Usage\\range\end{tabular} & \begin{tabular}[b]{@{}r@{}}Matched\\samples\end{tabular} & Samples \\
    \midrule
    0 & happiness & 3 & 2--7 & 13 & 12 \\
    0 & neutral & 1 & 8--8 & 8 & 8 \\
    0 & sadness & 1 & 3--3 & 3 & 4 \\
    \midrule
    0 & all & 5 & 2--8 & 24 & 24 \\
    \midrule
    1 & happiness & 1 & 12--12 & 12 & 12 \\
    1 & neutral & 1 & 8--8 & 8 & 8 \\
    1 & sadness & 1 & 4--4 & 4 & 4 \\
    \midrule
    1 & all & 3 & 4--12 & 24 & 24 \\
    \bottomrule
    \end{tabular}}
    \end{table}
    "#);
    let csv = read(&folder.path().join("out/tables/table1_expression.csv"));
    insta::assert_snapshot!(csv, @r#"
    run,fold,seed,class_name,assigned,uses_min,uses_max,matched,samples,row_kind,stand_in
    tiny-0a1b2c3d,,0,happiness,3,2,7,13,12,row,true
    tiny-0a1b2c3d,,0,neutral,1,8,8,8,8,row,true
    tiny-0a1b2c3d,,0,sadness,1,3,3,3,4,row,true
    tiny-0a1b2c3d,,0,all,5,2,8,24,24,total,true
    tiny-0a1b2c3d,,1,happiness,1,12,12,12,12,row,true
    tiny-0a1b2c3d,,1,neutral,1,8,8,8,8,row,true
    tiny-0a1b2c3d,,1,sadness,1,4,4,4,4,row,true
    tiny-0a1b2c3d,,1,all,3,4,12,24,24,total,true
    "#);
}

#[test]
fn the_same_runs_give_the_same_bytes() {
    let options = ReportOptions::default();
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    Fixture {
        images: true,
        ..Fixture::default()
    }
    .write(&runs);
    build(std::slice::from_ref(&runs), &folder.path().join("a"), &options).unwrap();
    build(&[runs], &folder.path().join("b"), &options).unwrap();
    let (a, b) = (files(&folder.path().join("a")), files(&folder.path().join("b")));
    assert!(a.len() > 20);
    for (name, bytes) in &a {
        assert!(b[name] == *bytes, "{name} differs");
    }
    assert_eq!(a.len(), b.len());
}

#[test]
fn labels_cannot_break_out() {
    let fixture = Fixture {
        classes: HOSTILE,
        images: true,
        ..Fixture::default()
    };
    let (folder, paths) = report(&[fixture], &ReportOptions::default());
    let html = read(&paths.html);
    assert!(!html.contains("<script>alert"), "a script from a label");
    assert!(html.contains("&lt;script&gt;alert"));
    assert_eq!(
        html.matches("<script").count(),
        3,
        "only the page's own scripts, and the data of one"
    );
    assert_eq!(paths.pages.len(), 1, "label issues");
    for page in &paths.pages {
        let html = read(page);
        assert!(
            !html.contains("<script") && html.contains("&lt;script&gt;alert"),
            "{}",
            page.display()
        );
    }
    for line in read(&paths.markdown).lines().filter(|line| line.starts_with('|')) {
        assert!(line.ends_with('|'), "a broken row: {line}");
        assert!(!line.contains("<script>") && !line.contains("[link]"), "{line}");
    }
    for (name, bytes) in files(&folder.path().join("out")) {
        let Ok(text) = String::from_utf8(bytes) else { continue };
        if name.ends_with(".tex") {
            assert!(!text.contains("\\input{/etc"), "{name}");
            assert!(!text.contains("100% a"), "{name}");
        }
        if name.ends_with(".svg") {
            assert!(!text.contains("<script"), "{name}");
        }
    }
    let csv = read(&folder.path().join("out/tables/table1_expression.csv"));
    assert!(csv.contains("\"*bold* [link](http://x) <!-- ]]> \n| new | row |\n=1+1,\"\"q\"\" 中文 \u{202e}\""));
}

#[test]
fn label_issues_have_a_page_that_the_report_links_to() {
    let images = Fixture {
        images: true,
        ..Fixture::default()
    };
    let (_folder, paths) = report(&[images], &ReportOptions::default());
    let issues = &paths.pages[0];
    assert_eq!(issues.file_name().unwrap(), "label_issues.html");
    assert!(read(&paths.html).contains("href=\"label_issues.html\""));
    let html = read(issues);
    // Archetype 2 (neutral) took one sample labelled happiness, whose label was changed on purpose.
    assert!(
        html.contains("happiness P1, archetype 0 | neutral P1, archetype 2"),
        "the pair"
    );
    let image = "alt=\"train_00012, labelled happiness, similarity 0.90, margin 0.10\"";
    assert_eq!((html.matches("<img").count(), html.matches(image).count()), (1, 1));
    assert_eq!(html.matches("changed on purpose").count(), 1);
    assert!(
        html.contains("href=\"report.html#label_pairs\"") && html.contains("sql&#x2f;views&#x2f;contradictions.sql")
    );
    // With several runs, each has its own.
    let fixtures = ["first-11111111", "second-22222222"].map(|run| Fixture {
        run,
        ..Fixture::default()
    });
    let (_folder, paths) = report(&fixtures, &ReportOptions::default());
    let names: Vec<_> = paths
        .pages
        .iter()
        .map(|page| page.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["label_issues-first-11111111.html", "label_issues-second-22222222.html"]
    );
    let html = read(&paths.html);
    assert!(names.iter().all(|name| html.contains(&format!("href=\"{name}\""))));
}

#[test]
fn runs_stand_side_by_side() {
    let fixtures = [
        Fixture {
            run: "first-11111111",
            ..Fixture::default()
        },
        Fixture {
            run: "second-22222222",
            stand_in: false,
            ..Fixture::default()
        },
    ];
    let (folder, paths) = report(&fixtures, &ReportOptions::default());
    let html = read(&paths.html);
    assert!(html.contains("first-11111111") && html.contains("second-22222222"));
    assert!(folder.path().join("out/figures/confusion-first-11111111.svg").is_file());
    let csv = read(&folder.path().join("out/tables/results_expression.csv"));
    assert!(csv.contains("first-11111111") && csv.lines().any(|line| line.ends_with(",false")));
    assert!(!html.contains("Unequal protocols"));
    assert!(html.contains("The images of some of these runs were drawn"));
}

#[test]
fn a_reports_folder_adds_and_replaces() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sql")).unwrap();
    std::fs::write(
        folder.path().join("sql/mine.sql"),
        "SELECT run, count(*) AS n FROM samples GROUP BY run",
    )
    .unwrap();
    let catalog = "[[entry]]\nid = \"mine\"\nkind = \"table\"\nsection = \"Mine\"\nsql = \"mine.sql\"\ntitle = \"Samples\"\n\
                   columns = [{ name = \"n\", header = \"n\", format = \"integer\" }]\n";
    std::fs::write(folder.path().join("catalog.toml"), catalog).unwrap();
    let options = ReportOptions {
        reports: Some(folder.path().to_owned()),
        ..ReportOptions::default()
    };
    let (out, paths) = report(&[Fixture::default()], &options);
    assert_eq!(
        read(&out.path().join("out/tables/mine.csv")),
        "run,n,stand_in\ntiny-0a1b2c3d,40,true\n"
    );
    assert!(read(&paths.html).contains("<h2 id=\"heading-7\">Mine</h2>"));
    let runs = out.path().join("runs");
    for (wrong, expected) in [
        (catalog.replace("mine.sql", "../x.sql"), "must be the name of a file"),
        (catalog.replace("mine.sql", "none.sql"), "no report file"),
        (
            catalog.replace("kind = \"table\"", "kind = \"tabel\""),
            "catalog.toml:3: impossible value \"tabel\" for `entry[0].kind`; did you mean \"table\"?",
        ),
        (
            catalog.replace("title", "titel"),
            "catalog.toml:6: unknown key `entry[0].titel`; did you mean `title`?",
        ),
    ] {
        std::fs::write(folder.path().join("catalog.toml"), wrong).unwrap();
        let error = build(std::slice::from_ref(&runs), &out.path().join("wrong"), &options).unwrap_err();
        let told = match &error {
            Error::Document(mistake) => mistake.one_line(),
            other => other.to_string(),
        };
        assert!(told.contains(expected), "{told}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn no_run_no_report() {
    let folder = tempfile::tempdir().unwrap();
    let error = build(
        &[folder.path().to_owned()],
        &folder.path().join("out"),
        &ReportOptions::default(),
    )
    .unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains("no run folder"));
    assert!(!folder.path().join("out").exists());
}

#[test]
fn numbers_are_printed_as_they_should() {
    assert_eq!(cells::fixed(-0.04, 1), "0.0");
    assert_eq!(cells::fixed(-1.25, 1), "−1.2");
    assert_eq!(cells::thousands(1788.0), "1788");
    assert_eq!(cells::thousands(12271.0), "12,271");
    assert_eq!(cells::thousands(-1_234_567.0), "−1,234,567");
    assert_eq!(escape::slug("A b/../c<d>"), "a-b-c-d");
    assert_eq!(figure::canvas::fit("short", figure::canvas::TEXT, 1000), "short");
    assert!(figure::canvas::fit("a much longer text", figure::canvas::TEXT, 200).ends_with('…'));
}

proptest::proptest! {
    /// Nothing that LaTeX or Markdown act upon survives, whatever the text.
    #[test]
    fn escaped_text_is_inert(text in "\\PC{0,40}") {
        let latex = escape::latex(&text);
        let mut rest = latex.as_str();
        // Every backslash begins one of our own words.
        while let Some(at) = rest.find('\\') {
            let after = &rest[at + 1..];
            let known = ["text", "{", "}", "$", "&", "#", "_", "%", "pm$", "geq$", "leq$", "times$", "cdot$", "ldots{}", "approx$", "to$"];
            let letter = rest[..at].ends_with('$') && after.find('$').is_some_and(|end| escape::is_greek(&after[..end]));
            proptest::prop_assert!(letter || known.iter().any(|word| after.starts_with(word)), "{latex}");
            rest = &after[1..];
        }
        let markdown = escape::markdown(&text);
        proptest::prop_assert!(!markdown.contains(['<', '>', '|', '\n']));
    }
}

/// For looking at it: `AURA_BENCH_LOOK=DIR cargo test --lib report::tests::look` reports on `DIR/runs` in `DIR/report`.
#[test]
fn look() {
    let Ok(target) = std::env::var("AURA_BENCH_LOOK") else {
        return;
    };
    let target = Path::new(&target);
    let runs = target.join("runs");
    if !runs.exists() {
        Fixture {
            images: true,
            classes: HOSTILE,
            ..Fixture::default()
        }
        .write(&runs);
    }
    build(&[runs], &target.join("report"), &ReportOptions::default()).unwrap();
}

#[test]
fn many_runs_are_reported_without_what_looks_at_single_samples() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..30).map(|i| format!("run-{i:02}")).collect();
    for name in &names {
        Point {
            run: name,
            stand_in: name == "run-07",
            metrics: &[("aura", "test", "acc", &[Some(0.5), Some(0.75)])],
            ..Point::default()
        }
        .write(&folder.path().join("runs"));
    }
    let out = folder.path().join("out");
    let paths = build(&[folder.path().join("runs")], &out, &ReportOptions::default()).unwrap();
    assert!(paths.figures.is_empty());
    assert!(
        paths.warnings[0].starts_with("Left out, because they look at single samples"),
        "{:?}",
        paths.warnings
    );
    let page = read(&paths.markdown);
    assert!(page.contains("| run-29 |") && page.contains("62.5 ± 17.7"), "{page}");
    assert!(
        page.contains("| Run (differs) | 30 different (tables/provenance.csv) |"),
        "{page}"
    );
    assert!(read(&paths.html).contains("Left out, because they look at single samples"));
    let rows = read(&out.join("tables/provenance.csv"));
    assert_eq!(rows.lines().count(), 31);
}

#[test]
fn what_the_recipes_say_of_the_report_holds_if_they_agree() {
    let folder = tempfile::tempdir().unwrap();
    let runs: Vec<PathBuf> = ["one-11111111", "two-22222222"]
        .into_iter()
        .map(|run| {
            let run = Fixture {
                run,
                ..Fixture::default()
            }
            .write(&folder.path().join("runs"));
            std::fs::write(
                run.join("recipe.toml"),
                "[report]\nleave_out = [\"curves\"]\ntitle = \"Mine\"\n",
            )
            .unwrap();
            run
        })
        .collect();
    let reported = |runs: &[PathBuf]| {
        let paths = build(runs, &folder.path().join("out"), &ReportOptions::default()).unwrap();
        let curves = paths
            .figures
            .iter()
            .any(|path| path.display().to_string().contains("curves"));
        let others = paths
            .warnings
            .into_iter()
            .filter(|warning| !warning.contains("could not be read"));
        (curves, read(&paths.markdown), others.collect::<Vec<_>>())
    };
    let (curves, page, warnings) = reported(&runs[..1]);
    assert!(
        !curves && page.starts_with("# Mine\n") && warnings.is_empty(),
        "{warnings:?}"
    );
    let (curves, page, warnings) = reported(&runs);
    assert!(
        !curves && page.starts_with("# Report of 2 runs\n") && warnings.is_empty(),
        "{warnings:?}"
    );
    std::fs::write(runs[1].join("recipe.toml"), "").unwrap();
    let (curves, _, warnings) = reported(&runs);
    assert!(
        curves && warnings[0].contains("ask for different reports"),
        "{warnings:?}"
    );
}
