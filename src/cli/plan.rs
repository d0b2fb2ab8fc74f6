//! `aura-bench plan RECIPE`.

use clap::Args;

use crate::chain::Stage;
use crate::chain::plan::{self, Step};
use crate::error::Result;
use crate::recipe::Job;

use super::output;
use super::shell::Shell;
use super::what::What;

#[derive(Debug, Args)]
pub struct PlanArguments {
    #[command(flatten)]
    what: What,
    /// auto, cpu, cuda, cuda:N, gpu or gpu:N, as the run will be given
    #[arg(long, default_value = "auto")]
    device: String,
    /// Print one JSON object: every step, whether it is done, who does it, and the command that does
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &PlanArguments, shell: &Shell) -> Result<()> {
    let what = &arguments.what;
    let job = Job::load(&what.recipe, &what.load())?;
    let options = what.options(&arguments.device)?;
    let plan = plan::plan(&job, &options, shell.progress, &shell.interrupt)?
        .with_commands(|point, step| command(arguments, point, step));
    if arguments.json {
        output::print_json(&plan)
    } else {
        output::print(&plan.to_text())
    }
}

/// What does a step.
fn command(arguments: &PlanArguments, point: Option<usize>, step: &Step) -> Vec<String> {
    let mut command = vec!["aura-bench".to_owned(), "run".to_owned()];
    command.extend(arguments.what.again());
    command.extend(["--device".to_owned(), arguments.device.clone()]);
    let mut option = |name: &str, value: String| command.extend([name.to_owned(), value]);
    // The report over all points of a study is made by a call on all of it.
    if let Some(point) = point {
        option("--point", point.to_string());
    }
    option("--only", step.stage.as_str().to_owned());
    if let Some(fold) = step.fold {
        option("--fold", fold.to_string());
    }
    match (step.seed, step.stage, arguments.what.seeds_again()) {
        (Some(seed), ..) => option("--seeds", seed.to_string()),
        (None, Stage::Report, Some(seeds)) => option("--seeds", seeds),
        _ => {}
    }
    command
}
