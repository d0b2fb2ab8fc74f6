//! Rivals by name.

use crate::task::Task;

use super::input::Input;

/// Kind of rival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Knn,
    Logistic,
    Ridge,
    LinearCcc,
    Lda,
    KernelRidge,
    Svm,
    ClassMeans,
    Kmeans,
    Mlp,
}

impl Kind {
    pub(crate) const ALL: [Self; 10] = [
        Self::Knn,
        Self::Logistic,
        Self::Ridge,
        Self::LinearCcc,
        Self::Lda,
        Self::KernelRidge,
        Self::Svm,
        Self::ClassMeans,
        Self::Kmeans,
        Self::Mlp,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Knn => "knn",
            Self::Logistic => "logistic",
            Self::Ridge => "ridge",
            Self::LinearCcc => "linear_ccc",
            Self::Lda => "lda",
            Self::KernelRidge => "kernel_ridge",
            Self::Svm => "svm",
            Self::ClassMeans => "class_means",
            Self::Kmeans => "kmeans",
            Self::Mlp => "mlp",
        }
    }

    /// Whether it predicts what this task asks for.
    pub(crate) fn serves(self, task: Task) -> bool {
        match self {
            Self::Knn | Self::ClassMeans | Self::Kmeans | Self::Mlp => true,
            Self::Logistic | Self::Svm => task != Task::ValenceArousal,
            Self::Ridge | Self::KernelRidge => task != Task::Expression,
            Self::LinearCcc => task == Task::ValenceArousal,
            Self::Lda => task == Task::Expression,
        }
    }

    /// Whether it runs where the recipe names no methods: one support vector machine an action unit takes as long as all
    /// others together.
    pub(crate) fn by_default(self, task: Task) -> bool {
        self.serves(task) && !(self == Self::Svm && task == Task::ActionUnits)
    }
}

/// A kind of rival on one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Method {
    pub(crate) kind: Kind,
    pub(crate) input: Input,
}

impl Method {
    /// The method of that name; `linear` is the linear probe that is usual for the task.
    pub(crate) fn parse(name: &str, task: Task) -> Option<Self> {
        // `_mean_tokens` ends in `_tokens` too, so it is tried first.
        let (base, input) = [Input::MeanTokens, Input::Tokens]
            .into_iter()
            .find_map(|input| name.strip_suffix(input.suffix()).map(|base| (base, input)))
            .unwrap_or((name, Input::Global));
        let base = match (base, task) {
            ("linear", Task::ValenceArousal) => "ridge",
            ("linear", _) => "logistic",
            (base, _) => base,
        };
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == base)?;
        Some(Self { kind, input })
    }

    pub(crate) fn name(self) -> String {
        format!("{}{}", self.kind.name(), self.input.suffix())
    }
}
