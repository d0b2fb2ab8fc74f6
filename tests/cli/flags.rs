//! Every option and every argument of every verb is held by a test: one that fails if it is read and then forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::Bench;

/// Of each verb its options and arguments, and the test (`file::function`) that fails if they change nothing. Without a verb: those
/// that all verbs have.
const PROOFS: &str = "
: -q --quiet -v --verbose -h --help -V --version
    flags_of_data::long_and_short_options_of_all_verbs_say_the_same
run: RECIPE
    checks::expectations_of_a_recipe_are_judged_at_their_line
run: --data
    folds::folds_are_trained_apart_and_averaged
run: --stand-in
    chain::a_run_has_numbers_for_every_method_and_leaves_a_folder_with_all_that_they_came_from
run: --set
    comparisons::runs_of_one_protocol_are_ranked_and_their_recipes_told_apart
run: --seeds --json
    chain::a_further_seed_amends_the_run
run: --cache
    flags_of_data::the_cache_and_the_runs_that_are_named_are_looked_at
run: --out --jobs --point
    studies::a_study_shares_features_and_ends_in_one_table_however_it_runs
run: --device
    device::cuda_without_cuda_is_one_sentence_and_exit_4
run: --only --shard
    units::units_in_any_order_end_in_the_bytes_of_one_process
run: --fold --scratch
    flags_of_runs::one_fold_and_one_seed_are_trained_and_asked
run: --with-parent
    flags_of_runs::a_run_that_is_told_so_ends_with_its_parent
plan: RECIPE --data --set --seeds --out --cache --device --json
    flags_of_runs::a_plan_is_of_what_is_named
plan: --stand-in
    units::units_in_any_order_end_in_the_bytes_of_one_process
launch slurm: RECIPE --data --set --seeds --out --cache --device --shards --dry-run
    flags_of_runs::a_launch_carries_every_option_into_its_scripts
launch slurm: --partition --account --qos --time --gres --mem --constraint --cpus-per-task --array-limit
    flags_of_runs::a_launch_carries_every_option_into_its_scripts
launch slurm: --stand-in
    launch::a_dry_run_prints_every_script_and_submits_nothing
launch slurm: --by-seed
    launch::a_recipe_is_an_array_of_seeds_and_a_study_may_be_one_of_both
launch slurm: --scratch --program
    launch::a_job_calls_the_program_with_the_words_that_were_given
launch status: RECIPE --stand-in --set --seeds --out --cache --device --json
    flags_of_runs::the_status_of_a_launch_is_of_what_is_named
launch status: --data
    flags_of_runs::a_launch_remembers_its_database_unless_another_is_named
score: PREDICTIONS --data --out --cache --json
    flags_of_runs::a_tool_is_scored_on_the_database_that_is_named
score: RECIPE --tool --stand-in
    scores::the_forms_of_five_tools_are_read_and_give_what_they_hold
score: --map
    scores::one_of_several_faces_counts_by_a_rule_that_is_stated
score: --set
    scores::the_protocol_says_what_a_missing_prediction_is
convert: CARD --data --json
    data::the_kaggle_variant_gives_the_same_samples
convert: --set
    data::a_conversion_by_hand_takes_the_keys_of_a_protocol
convert: --out
    data::broken_images_are_listed_and_the_rest_is_used
extract: --samples --architecture --global --input-size --precision --tokens --dtype --batch
    flags_of_data::every_option_of_an_encoder_is_in_its_features
extract: --images --encoder --out --json
    extract::a_folder_of_images_becomes_a_feature_table
extract: --weights
    extract::random_weights_are_labelled
extract: --part-rows --shard
    extract::shards_are_merged_by_putting_them_into_one_folder
extract: --cache
    flags_of_data::weights_that_were_fetched_are_read_from_where_they_are_kept
extract: --device
    flags_of_data::a_device_that_is_not_there_is_refused_by_every_verb_that_computes
predict: --device
    flags_of_data::a_device_that_is_not_there_is_refused_by_every_verb_that_computes
predict: INPUT --format --top --batch --cache
    flags_of_runs::predictions_have_the_form_and_the_length_that_are_wanted
predict: RUN --fold --seed --json
    flags_of_runs::one_fold_and_one_seed_are_trained_and_asked
predict: --method --images --out
    predictions::a_runs_own_faces_are_predicted_as_the_run_did_whatever_stands_beside_them
predict: --media --every
    predictions::frames_of_a_video_are_decoded_by_ffmpeg
predict: --html
    predictions::names_that_try_to_break_out_stay_text_on_the_page
bench train: --device
    flags_of_data::a_device_that_is_not_there_is_refused_by_every_verb_that_computes
bench train: RECIPE --set --features --task --samples --dims --tokens --batch --epochs --placement --no-replay --json
    flags_of_data::the_speed_of_training_is_measured_of_what_is_named
bench extract: --device
    flags_of_data::a_device_that_is_not_there_is_refused_by_every_verb_that_computes
bench extract: RECIPE --set --encoder --images --side --batch --peer --json
    flags_of_data::the_speed_of_an_encoder_is_measured_on_what_is_named
doctor: --device
    flags_of_data::a_device_that_is_not_there_is_refused_by_every_verb_that_computes
doctor: --cache
    flags_of_data::the_cache_and_the_runs_that_are_named_are_looked_at
doctor: --gpu-parity --quick
    screens::doctor_gpu_parity
doctor: --json
    device::doctor_says_what_is_there_and_what_is_not
standin: CARD --out --samples --seed --label-noise --layout --size
    flags_of_data::stand_in_faces_are_drawn_as_they_are_asked_for
report: RUN --out
    endings::every_table_of_a_report_has_the_same_bytes_every_time
report: --data --reports --no-images
    flags_of_runs::a_report_shows_the_faces_and_tables_that_it_may
view: RUN
    view::runs_are_served_with_their_faces_until_ctrl_c
view: --port --data --no-images
    flags_of_runs::faces_are_served_from_where_they_lie_or_not_at_all
check: RUN --baseline --junit --markdown --github
    checks::a_dictionary_too_small_for_the_classes_fails_in_every_form_of_the_report
check: --json
    checks::the_run_of_the_baseline_passes
check: --recipe
    checks::expectations_of_a_recipe_are_judged_at_their_line
check: --published --allow
    flags_of_runs::a_baseline_holds_what_is_asked_for_and_a_check_lets_pass_what_is_allowed
check: --deny-warnings
    damage::pictures_in_two_splits_are_listed_left_out_or_refused
check: --resamples
    flags_of_runs::intervals_are_drawn_as_often_as_is_asked
compare: --resamples --metric
    flags_of_runs::intervals_are_drawn_as_often_as_is_asked
compare: RUN --force --markdown --json
    comparisons::unequal_protocols_are_not_ranked_unless_forced_and_then_it_is_said
leaderboard: RUN --resamples
    flags_of_runs::intervals_are_drawn_as_often_as_is_asked
leaderboard: --html --json
    scores::the_forms_of_five_tools_are_read_and_give_what_they_hold
baseline save: RUN --out --cost --metric
    flags_of_runs::a_baseline_holds_what_is_asked_for_and_a_check_lets_pass_what_is_allowed
baseline save: --predictions
    checks::a_damaged_baseline_is_an_error_and_no_verdict
explain: --seed
    flags_of_runs::one_fold_and_one_seed_are_trained_and_asked
explain: RUN --top --json
    explanations::the_nearest_archetypes_of_a_sample_are_listed
explain: SAMPLE_ID
    explanations::a_sample_that_is_not_there_is_named_with_its_neighbour
explain: --images --data --html
    flags_of_runs::an_explanation_has_as_many_images_as_are_wanted_from_where_they_lie
published: RUN --assume --paper --json
    flags_of_runs::published_numbers_are_those_of_the_paper_that_is_named_under_what_is_assumed
published: --lint
    published::published_lint_finds_what_is_planted_in_a_copy
query: SQL --format
    queries::runs_are_asked_in_sql
query: --file --param
    queries::queries_come_from_files_and_take_parameters
query: --runs
    remote::a_run_elsewhere_says_what_it_says_here_and_only_what_is_asked_for_comes
query: --out
    queries::results_are_written_as_parquet
export mlflow: RUN --to
    exports::a_run_is_sent_to_a_tracking_server_and_replaced_when_sent_again
export model: RUN --out --fold --seed
    flags_of_runs::one_fold_and_one_seed_are_trained_and_asked
export model: --json
    exports::a_model_is_written_with_its_card
export croissant: TABLE --out
    flags_of_data::metadata_of_a_table_are_written_where_they_are_wanted
export atlas: RUN --fold --seed
    flags_of_runs::one_fold_and_one_seed_are_trained_and_asked
export atlas: --out --images
    exports::the_samples_of_a_run_are_one_file_for_programs_that_show_them
export index: DIR
    remote::an_index_names_whole_runs_and_says_which_are_not
validate: TARGET --set
    data::a_conversion_by_hand_takes_the_keys_of_a_protocol
validate: --card
    validate::a_complete_and_an_incomplete_list_are_told_from_the_card
validate: --data --stand-in
    validate::a_recipe_is_checked_together_with_its_data
validate: --resolved
    recipes::later_values_win_and_tables_merge
validate: --json
    validate::a_folder_is_recognised_and_left_as_it_is
schema: KIND
    screens::schema
cache ls: --cache --runs --json
    flags_of_data::the_cache_and_the_runs_that_are_named_are_looked_at
cache verify: NAMES --cache --runs
    flags_of_data::the_cache_and_the_runs_that_are_named_are_looked_at
cache gc: --cache --runs --older-than
    flags_of_data::the_cache_and_the_runs_that_are_named_are_looked_at
cache gc: --keep --yes
    damage::the_cache_is_listed_checked_and_tidied
cache rm: NAMES --cache --runs
    flags_of_data::the_cache_and_the_runs_that_are_named_are_looked_at
cache rm: --yes
    damage::the_cache_is_listed_checked_and_tidied
completions: SHELL
    flags_of_data::bash_offers_the_options_of_every_verb
generate: --check
    schemas::generated_files_are_written_and_their_freshness_is_checked
generate: --root
    flags_of_data::generated_files_are_those_of_the_clone_that_is_named
";

/// Options that every verb has; they stand once in the table.
const OF_ALL: [&str; 6] = ["-q", "--quiet", "-v", "--verbose", "-h", "--help"];

/// An option or an argument of a verb.
type Flag = (String, String);

/// The table: the test of each option.
fn proofs() -> BTreeMap<Flag, &'static str> {
    let mut lines = PROOFS.trim().lines();
    let mut proofs = BTreeMap::new();
    while let Some(line) = lines.next() {
        let (verb, flags) = line.split_once(':').unwrap();
        let test = lines.next().unwrap().trim();
        for flag in flags.split_whitespace() {
            let twice = proofs.insert((verb.to_owned(), flag.to_owned()), test);
            assert_eq!(twice, None, "{verb} {flag} stands twice in the table");
        }
    }
    proofs
}

/// Verbs with those below them, and the options of each, hidden ones too: as the completions of a shell know them.
fn completed(bench: &Bench) -> BTreeMap<String, Vec<String>> {
    let script = bench.ok(&["completions", "bash"]);
    let mut verbs = BTreeMap::new();
    let mut verb = None;
    for line in script.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("aura__bench").and_then(|line| line.strip_suffix(')')) {
            let name = name.replace("__subcmd__", " ").trim().to_owned();
            verb = Some(name).filter(|name| name.split(' ').all(|word| word != "help"));
        } else if let Some(words) = line.strip_prefix("opts=\"")
            && let Some(verb) = verb.take()
        {
            let words = words.trim_end_matches('"').split(' ');
            let options = words.filter(|word| word.starts_with('-')).map(str::to_owned);
            verbs.insert(verb, options.collect());
        }
    }
    verbs
}

/// Words that stand first in the lines of a section of a verb's help.
fn listed(help: &str, section: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != section).skip(1);
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    // What is explained stands less deep than what is said of it.
    let lines = lines.filter(|line| line.starts_with("  ") && !line.starts_with("       "));
    // Short options stand before the long ones.
    let words = lines.flat_map(|line| {
        let short = line.trim_start().starts_with('-');
        line.split_whitespace().take(if short { 2 } else { 1 })
    });
    let words = words.map(|word| word.trim_matches(|c| "[]<>.,".contains(c)).to_owned());
    words.collect()
}

/// All options and arguments that the program has.
fn flags(bench: &Bench) -> BTreeSet<Flag> {
    let mut verbs = completed(bench);
    assert!(verbs.len() > 35, "the completions are not understood: {verbs:?}");
    // The one verb that no completion offers.
    let hidden = listed(&bench.ok(&["generate", "--help"]), "Options:");
    let hidden = hidden.into_iter().filter(|word| word.starts_with('-'));
    verbs.insert("generate".to_owned(), hidden.collect());
    let mut flags: BTreeSet<Flag> = OF_ALL.map(|flag| (String::new(), flag.to_owned())).into();
    for (verb, options) in verbs {
        let all = |option: &String| OF_ALL.contains(&option.as_str());
        assert_eq!(
            options.iter().filter(|option| all(option)).count(),
            OF_ALL.len(),
            "{verb}"
        );
        let own = options.into_iter().filter(|option| !all(option));
        flags.extend(own.map(|option| (verb.clone(), option)));
        let words: Vec<&str> = verb.split_whitespace().collect();
        let help = bench.ok(&[&words[..], &["--help"]].concat());
        let arguments = listed(&help, "Arguments:");
        let arguments = arguments
            .into_iter()
            .filter(|word| word.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
        flags.extend(arguments.map(|argument| (verb.clone(), argument)));
    }
    flags
}

/// What the table says that is not so: a test that is not there, or that does not know the option.
fn untrue(verb: &str, flag: &str, test: &str) -> Option<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli");
    let (file, function) = test.split_once("::")?;
    let Ok(text) = std::fs::read_to_string(format!("{folder}/{file}.rs")) else {
        return Some(format!("{verb} {flag}: there is no file tests/cli/{file}.rs"));
    };
    let at = text.find(&format!("\nfn {function}("));
    let test = at.and_then(|at| text[..at].rsplit("\n\n").next());
    if test.is_none_or(|before| !before.contains("#[test]")) {
        return Some(format!("{verb} {flag}: {file}.rs has no test {function}"));
    }
    let shared = std::fs::read_to_string(format!("{folder}/main.rs")).unwrap();
    let named = [text, shared].iter().any(|text| text.contains(&format!("\"{flag}")));
    (flag.starts_with('-') && !named).then(|| format!("{verb} {flag}: {file}.rs never gives it"))
}

#[test]
fn every_option_of_every_verb_is_held_by_a_test() {
    let (flags, proofs) = (flags(&Bench::new()), proofs());
    let mut wrong = String::new();
    for (verb, flag) in &flags {
        if !proofs.contains_key(&(verb.clone(), flag.clone())) {
            let _ = writeln!(wrong, "{verb} {flag}: no test holds that it changes anything");
        }
    }
    for ((verb, flag), test) in &proofs {
        if !flags.contains(&(verb.clone(), flag.clone())) {
            let _ = writeln!(wrong, "{verb} {flag}: the program has no such option");
        }
        if let Some(untrue) = untrue(verb, flag, test) {
            let _ = writeln!(wrong, "{untrue}");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    // Another verb that no completion offers would be looked for in vain above.
    let verbs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/arguments.rs")).unwrap();
    assert_eq!(verbs.matches("#[command(hide = true)]").count(), 1);
}
