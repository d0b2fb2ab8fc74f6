//! A user's own configuration: what every launch on this cluster takes.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::document::mistake::Mistake;
use crate::document::tree::Node;
use crate::error::{Context, Error, Result};
use crate::regular;
use crate::there;

use super::limits::Limits;
use super::phase::Phase;

/// What the file is called where a mistake in it is shown.
const DOCUMENT: &str = "configuration";

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "aura-bench configuration")]
pub struct Configuration {
    /// How work is given to a cluster.
    pub launch: LaunchConfig,
}

/// How work is given to a cluster.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LaunchConfig {
    /// Jobs of Slurm.
    pub slurm: SlurmConfig,
}

/// A table of limits, with the keys that tables of single phases have too.
macro_rules! table_of_limits {
    ($(#[$of:meta])* $name:ident { $($(#[$doc:meta])* $key:ident: $kind:ty,)* }) => {
        $(#[$of])*
        #[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            /// Partition of the cluster.
            pub partition: Option<String>,
            /// Account that is charged.
            pub account: Option<String>,
            /// Quality of service.
            pub qos: Option<String>,
            /// Longest time of a job as Slurm writes it, for example "4:00:00". What is not done by then goes on in the next.
            pub time: Option<String>,
            /// Generic resources, for example "gpu:1"; "none" takes them away. In the table of all jobs: of all but `convert`.
            pub gres: Option<String>,
            /// Memory of a node, for example "32G".
            pub mem: Option<String>,
            /// Features that a node must have.
            pub constraint: Option<String>,
            /// Processors of a task.
            pub cpus_per_task: Option<u32>,
            /// Tasks of an array that run at a time.
            pub array_limit: Option<u32>,
            /// Further long options of sbatch, for example `["--mail-type=FAIL"]`.
            pub extra: Option<Vec<String>>,
            /// Lines of bash that come before the program, for example `["module load cuda"]`.
            pub setup: Option<Vec<String>>,
            /// Words before the program, for example `["apptainer", "exec", "--nv", "image.sif"]`. Variables are put in on the node.
            pub wrapper: Option<Vec<String>>,
            /// The program, where it is not the one that launches: "aura-bench" in a container. Variables are put in on the node.
            pub program: Option<String>,
            /// Seconds before its time is up at which a job is told to leave a checkpoint and goes back into the queue; 120.
            pub lead_seconds: Option<u32>,
            /// How often a job goes back into the queue; 50.
            pub requeues: Option<u32>,
            $($(#[$doc])* pub $key: $kind,)*
        }

        impl $name {
            fn limits(&self) -> Limits {
                let all = self.clone();
                Limits {
                    partition: all.partition,
                    account: all.account,
                    qos: all.qos,
                    time: all.time,
                    gres: all.gres,
                    mem: all.mem,
                    constraint: all.constraint,
                    cpus_per_task: all.cpus_per_task,
                    array_limit: all.array_limit,
                    extra: all.extra,
                    setup: all.setup,
                    wrapper: all.wrapper,
                    program: all.program,
                    lead_seconds: all.lead_seconds,
                    requeues: all.requeues,
                }
            }
        }
    };
}

table_of_limits! {
    /// Jobs of Slurm: what all take, and what those of one phase take instead.
    SlurmConfig {
        /// The job that converts the databases; it needs no GPU.
        convert: PhaseConfig,
        /// The jobs that extract features.
        extract: PhaseConfig,
        /// The jobs that train and evaluate.
        points: PhaseConfig,
        /// The job that does what is missing, and the report.
        collect: PhaseConfig,
    }
}

table_of_limits! {
    /// What the jobs of one phase take, in place of what all take.
    PhaseConfig {}
}

impl SlurmConfig {
    /// What the jobs of a phase take: as `given` on the command line, by the phase's own table, or by that of all. Generic resources
    /// are for those that compute with them; others have some if the phase's own table says so.
    pub fn of(&self, phase: Phase, given: &Limits) -> Limits {
        let (mut given, mut all) = (given.clone(), self.limits());
        if !phase.computes() {
            given.gres = None;
            all.gres = None;
        }
        given.or(self.phase(phase).limits()).or(all)
    }

    fn phase(&self, phase: Phase) -> &PhaseConfig {
        match phase {
            Phase::Convert => &self.convert,
            Phase::Extract => &self.extract,
            Phase::Points => &self.points,
            Phase::Collect => &self.collect,
        }
    }
}

impl Configuration {
    /// The user's configuration; an empty one where there is none.
    ///
    /// # Errors
    /// [`Error::Document`] with file, line and advice if it is wrong; [`Error::Io`] if it cannot be read; as [`find`].
    pub fn load() -> Result<Self> {
        let Some(path) = find()? else {
            return Ok(Self::default());
        };
        let text = regular::text(&path).at("read", &path)?;
        Ok(Self::parse(&text, &path.display().to_string())?)
    }

    /// Reads a configuration; `file` is named in errors.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn parse(text: &str, file: &str) -> Result<Self, Box<Mistake>> {
        let tree = Node::parse(DOCUMENT, file, text)?;
        let read: Self = tree.read()?;
        let slurm = &read.launch.slurm;
        let tables = [("launch.slurm".to_owned(), slurm.limits())];
        let phases = Phase::ALL.map(|phase| (format!("launch.slurm.{}", phase.name()), slurm.phase(phase).limits()));
        for (table, limits) in tables.into_iter().chain(phases) {
            limits
                .validate()
                .map_err(|(key, expected)| tree.invalid(&(format!("{table}.{key}"), expected)))?;
        }
        Ok(read)
    }
}

/// The user's configuration file, if there is one: `AURA_BENCH_CONFIG`, else `aura-bench/config.toml` below `XDG_CONFIG_HOME`, else
/// `.config/aura-bench/config.toml` below the home folder (on Windows below `APPDATA`).
///
/// # Errors
/// [`Error::Usage`] if `AURA_BENCH_CONFIG` names no file; [`Error::Io`] if the system cannot say.
pub fn find() -> Result<Option<PathBuf>> {
    if let Some(named) = std::env::var_os("AURA_BENCH_CONFIG").filter(|value| !value.is_empty()) {
        let path = PathBuf::from(named);
        if there::is_file(&path)? {
            return Ok(Some(path));
        }
        return Err(Error::Usage(format!(
            "AURA_BENCH_CONFIG names {}, and no file is there: write it, or unset the variable",
            path.display()
        )));
    }
    let below = |variable: &str, folder: &str| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .map(|path| path.join(folder))
    };
    let base = if cfg!(windows) {
        below("APPDATA", "")
    } else {
        below("XDG_CONFIG_HOME", "").or_else(|| below("HOME", ".config"))
    };
    let path = base.map(|base| base.join(Path::new("aura-bench").join("config.toml")));
    match path {
        Some(path) if there::is_file(&path)? => Ok(Some(path)),
        _ => Ok(None),
    }
}

/// What the file may say, as JSON Schema, for editors.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Configuration).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
[launch.slurm]
partition = "gpu"
time = "4:00:00"
gres = "gpu:1"
setup = ["module load cuda"]
[launch.slurm.convert]
partition = "short"
mem = "64G"
[launch.slurm.extract]
gres = "none"
"#;

    #[test]
    fn the_command_line_goes_before_a_phase_and_a_phase_before_all() {
        let slurm = Configuration::parse(FILE, "config.toml").unwrap().launch.slurm;
        let given = Limits {
            time: Some("1:00:00".to_owned()),
            gres: Some("gpu:2".to_owned()),
            ..Limits::default()
        };
        let of = |phase| slurm.of(phase, &given);
        let convert = of(Phase::Convert);
        assert_eq!(
            (
                convert.partition.as_deref(),
                convert.time.as_deref(),
                convert.mem.as_deref(),
                convert.gres
            ),
            (Some("short"), Some("1:00:00"), Some("64G"), None)
        );
        assert_eq!(of(Phase::Points).gres.as_deref(), Some("gpu:2"));
        assert_eq!(of(Phase::Points).partition.as_deref(), Some("gpu"));
        assert_eq!(
            slurm.of(Phase::Extract, &Limits::default()).gres.as_deref(),
            Some("none")
        );
        assert!(of(Phase::Collect).setup.is_some());
    }

    #[test]
    fn mistakes_name_file_line_and_key() {
        for (right, wrong, told) in [
            (
                "partition = \"gpu\"",
                "partion = \"gpu\"",
                "config.toml:3: unknown key `launch.slurm.partion`; did you mean `partition`?",
            ),
            (
                "slurm.convert",
                "slurm.convrt",
                "config.toml:7: unknown key `launch.slurm.convrt`; did you mean `convert`?",
            ),
            (
                "mem = \"64G\"",
                "mem = 64",
                "config.toml:9: wrong value for `launch.slurm.convert.mem`",
            ),
            (
                "4:00:00",
                "4h",
                "config.toml:4: impossible value for `launch.slurm.time`: expected a time",
            ),
            (
                "\"short\"",
                "\"short one\"",
                "config.toml:8: impossible value for `launch.slurm.convert.partition`",
            ),
        ] {
            let mistake = Configuration::parse(&FILE.replace(right, wrong), "config.toml").unwrap_err();
            let line = mistake.one_line();
            assert!(line.starts_with(told), "{line}");
        }
    }
}
