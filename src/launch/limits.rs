//! What a job may take of a cluster, and how it begins there.

use crate::document::invalid::Invalid;

use super::walltime;

/// Seconds before a job's time is up at which the program is told to leave a checkpoint.
const LEAD: u32 = 120;

/// How often a job goes back into the queue.
const REQUEUES: u32 = 50;

/// Options of `sbatch` that a launch sets itself.
const OWN: [&str; 16] = [
    "array",
    "chdir",
    "dependency",
    "error",
    "export",
    "input",
    "job-name",
    "kill-on-invalid-dep",
    "no-requeue",
    "open-mode",
    "output",
    "parsable",
    "requeue",
    "signal",
    "wait",
    "wrap",
];

/// What a job may take, as far as it is said: by the command line, the table of its phase, or that of all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// Partition.
    pub partition: Option<String>,
    /// Account that is charged.
    pub account: Option<String>,
    /// Quality of service.
    pub qos: Option<String>,
    /// Longest time, as Slurm writes it.
    pub time: Option<String>,
    /// Generic resources: `gpu:1`.
    pub gres: Option<String>,
    /// Memory of a node: `32G`.
    pub mem: Option<String>,
    /// Features that a node must have.
    pub constraint: Option<String>,
    /// Processors.
    pub cpus_per_task: Option<u32>,
    /// Tasks of an array that run at a time.
    pub array_limit: Option<u32>,
    /// Further options of `sbatch`.
    pub extra: Option<Vec<String>>,
    /// Lines of bash before the program.
    pub setup: Option<Vec<String>>,
    /// Words before the program.
    pub wrapper: Option<Vec<String>>,
    /// The program.
    pub program: Option<String>,
    /// Seconds before the end at which the program is told to leave a checkpoint.
    pub lead_seconds: Option<u32>,
    /// How often a job goes back into the queue.
    pub requeues: Option<u32>,
}

/// One `#SBATCH` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// Without dashes: `partition`.
    pub option: &'static str,
    /// What it is set to.
    pub value: String,
    /// The variable of the environment that would go before it, if there is one.
    pub variable: Option<&'static str>,
}

impl Limits {
    /// These, and those `below` where these say nothing.
    #[must_use]
    pub fn or(self, below: Self) -> Self {
        Self {
            partition: self.partition.or(below.partition),
            account: self.account.or(below.account),
            qos: self.qos.or(below.qos),
            time: self.time.or(below.time),
            gres: self.gres.or(below.gres),
            mem: self.mem.or(below.mem),
            constraint: self.constraint.or(below.constraint),
            cpus_per_task: self.cpus_per_task.or(below.cpus_per_task),
            array_limit: self.array_limit.or(below.array_limit),
            extra: self.extra.or(below.extra),
            setup: self.setup.or(below.setup),
            wrapper: self.wrapper.or(below.wrapper),
            program: self.program.or(below.program),
            lead_seconds: self.lead_seconds.or(below.lead_seconds),
            requeues: self.requeues.or(below.requeues),
        }
    }

    /// Seconds before the end at which the program is told to leave a checkpoint.
    pub fn lead(&self) -> u32 {
        self.lead_seconds.unwrap_or(LEAD)
    }

    /// How often a job goes back into the queue.
    pub fn most_requeues(&self) -> u32 {
        self.requeues.unwrap_or(REQUEUES)
    }

    /// Whether a GPU is asked for.
    pub fn asks_for_gpu(&self) -> bool {
        let extra = self.extra.iter().flatten().any(|option| option.starts_with("--gpus"));
        extra || self.gres.as_ref().is_some_and(|gres| gres != "none")
    }

    /// The lines that ask for it, but for `extra`.
    pub fn directives(&self) -> Vec<Directive> {
        let words = self.words().into_iter().filter_map(|(option, value, variable)| {
            Some(Directive {
                option,
                value: value.clone()?,
                variable: Some(variable),
            })
        });
        let cpus = self.cpus_per_task.map(|cpus| Directive {
            option: "cpus-per-task",
            value: cpus.to_string(),
            variable: None,
        });
        words.chain(cpus).collect()
    }

    fn words(&self) -> [(&'static str, &Option<String>, &'static str); 7] {
        [
            ("partition", &self.partition, "SBATCH_PARTITION"),
            ("account", &self.account, "SBATCH_ACCOUNT"),
            ("qos", &self.qos, "SBATCH_QOS"),
            ("time", &self.time, "SBATCH_TIMELIMIT"),
            ("gres", &self.gres, "SBATCH_GRES"),
            ("mem", &self.mem, "SBATCH_MEM_PER_NODE"),
            ("constraint", &self.constraint, "SBATCH_CONSTRAINT"),
        ]
    }

    /// Whether each value can be one: those that stand in `#SBATCH` lines are single words.
    ///
    /// # Errors
    /// The key with what was expected.
    pub fn validate(&self) -> Result<(), Invalid> {
        for (option, value, _) in self.words() {
            if value.as_ref().is_some_and(|value| !is_word(value)) {
                return Err((option.to_owned(), WORD.to_owned()));
            }
        }
        if let Some(time) = &self.time {
            walltime::seconds(time).map_err(|expected| ("time".to_owned(), expected))?;
        }
        for (key, value) in [
            ("cpus_per_task", self.cpus_per_task),
            ("array_limit", self.array_limit),
            ("lead_seconds", self.lead_seconds),
        ] {
            if value == Some(0) {
                return Err((key.to_owned(), "expected 1 or more".to_owned()));
            }
        }
        for (i, option) in self.extra.iter().flatten().enumerate() {
            let wrong = |expected: String| Err((format!("extra[{i}]"), expected));
            let Some(name) = option.strip_prefix("--").filter(|_| is_word(option)) else {
                return wrong(format!("expected a long option of sbatch, {WORD}"));
            };
            let name = name.split('=').next().unwrap_or(name);
            if OWN.contains(&name) {
                return wrong("a launch sets this option itself".to_owned());
            }
        }
        for (key, list) in [("setup", &self.setup), ("wrapper", &self.wrapper)] {
            let wrong = |text: &String| text.is_empty() || text.contains('\n');
            if let Some(i) = list.iter().flatten().position(wrong) {
                return Err((format!("{key}[{i}]"), "expected one line".to_owned()));
            }
        }
        if self
            .program
            .as_ref()
            .is_some_and(|program| program.is_empty() || program.contains('\n'))
        {
            return Err(("program".to_owned(), "expected a path or a name".to_owned()));
        }
        Ok(())
    }
}

const WORD: &str = "expected one word without spaces, quotes, backslashes and '#'";

/// Whether `sbatch` reads a text in a `#SBATCH` line as one word that is itself.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && !text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '\\' | '#'))
}

#[cfg(test)]
mod tests {
    use super::Limits;

    fn complaint(limits: &Limits) -> String {
        limits.validate().unwrap_err().0
    }

    #[test]
    fn what_would_not_be_one_word_in_a_directive_is_refused() {
        for wrong in ["", "a b", "a\nb", "a\"b", "it's", "a\\b", "a#b", "a\u{b}"] {
            let limits = Limits {
                partition: Some(wrong.to_owned()),
                ..Limits::default()
            };
            assert_eq!(complaint(&limits), "partition", "{wrong:?}");
        }
        let limits = Limits {
            gres: Some("gpu:h200:1".to_owned()),
            constraint: Some("[a|b]&c*2".to_owned()),
            extra: Some(vec!["--mail-type=END,FAIL".to_owned(), "--exclusive".to_owned()]),
            ..Limits::default()
        };
        assert_eq!(limits.validate(), Ok(()));
        for wrong in ["-p gpu", "--array=0-3", "--requeue", "exclusive", "--comment=two words"] {
            let limits = Limits {
                extra: Some(vec!["--exclusive".to_owned(), wrong.to_owned()]),
                ..Limits::default()
            };
            assert_eq!(complaint(&limits), "extra[1]", "{wrong}");
        }
        let limits = Limits {
            array_limit: Some(0),
            ..Limits::default()
        };
        assert_eq!(complaint(&limits), "array_limit");
        let limits = Limits {
            setup: Some(vec!["module load cuda\nrm x".to_owned()]),
            ..Limits::default()
        };
        assert_eq!(complaint(&limits), "setup[0]");
    }

    #[test]
    fn what_is_said_first_goes_before_what_is_said_below() {
        let own = Limits {
            time: Some("1:00:00".to_owned()),
            ..Limits::default()
        };
        let below = Limits {
            time: Some("2:00:00".to_owned()),
            mem: Some("8G".to_owned()),
            ..Limits::default()
        };
        let both = own.or(below);
        assert_eq!(
            (both.time.as_deref(), both.mem.as_deref()),
            (Some("1:00:00"), Some("8G"))
        );
        assert_eq!((both.lead(), both.most_requeues()), (120, 50));
        assert!(!both.asks_for_gpu());
    }
}
