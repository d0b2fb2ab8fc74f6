//! Rivals by name.

use crate::task::Task;

use super::input::Input;

/// Kind of rival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Knn,
    Linear,
    LinearCcc,
    ClassMeans,
    Kmeans,
    Mlp,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Knn,
        Self::Linear,
        Self::LinearCcc,
        Self::ClassMeans,
        Self::Kmeans,
        Self::Mlp,
    ];

    pub(crate) fn serves(self, task: Task) -> bool {
        self != Self::LinearCcc || task == Task::ValenceArousal
    }
}

/// A kind of rival on one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Method {
    pub(crate) kind: Kind,
    pub(crate) input: Input,
}

impl Method {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        // `_mean_tokens` ends in `_tokens` too, so it is tried first.
        let (base, input) = [Input::MeanTokens, Input::Tokens]
            .into_iter()
            .find_map(|input| name.strip_suffix(input.suffix()).map(|base| (base, input)))
            .unwrap_or((name, Input::Global));
        let kind = match base {
            "knn" => Kind::Knn,
            "linear" | "logistic" | "ridge" => Kind::Linear,
            "linear_ccc" => Kind::LinearCcc,
            "class_means" => Kind::ClassMeans,
            "kmeans" => Kind::Kmeans,
            "mlp" => Kind::Mlp,
            _ => return None,
        };
        Some(Self { kind, input })
    }

    pub(crate) fn name(self, task: Task) -> String {
        let base = match (self.kind, task) {
            (Kind::Knn, _) => "knn",
            (Kind::Linear, Task::ValenceArousal) => "ridge",
            (Kind::Linear, _) => "logistic",
            (Kind::LinearCcc, _) => "linear_ccc",
            (Kind::ClassMeans, _) => "class_means",
            (Kind::Kmeans, _) => "kmeans",
            (Kind::Mlp, _) => "mlp",
        };
        format!("{base}{}", self.input.suffix())
    }
}
