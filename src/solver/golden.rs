//! Against scikit-learn 1.9.1, by `peers/rivals_kernel.py`.

use serde_json::Value;

use super::dual;
use super::kernel::{Shape, Width};
use super::kernel_ridge::KernelRidge;
use super::lda::Lda;
use super::ridge::{Intercept, Ridge};
use super::samples::{Answers, Table};
use super::svm::{States, SvmPath};
use crate::interrupt::Interrupt;

struct Golden {
    all: Value,
    x: Vec<f32>,
    test: Vec<f32>,
    labels: Vec<Option<usize>>,
    y: Vec<f64>,
    known: Vec<bool>,
    d: usize,
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn singles(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|v| v as f32).collect()
}

fn close(ours: &[f64], theirs: &Value, within: f64) {
    let theirs = numbers(theirs);
    assert_eq!(ours.len(), theirs.len());
    let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < within, "{worst}");
}

impl Golden {
    fn read() -> Self {
        let all: Value = serde_json::from_str(include_str!("../../tests/peers/solver/golden.json")).unwrap();
        Self {
            x: singles(&all["x"]),
            test: singles(&all["test"]),
            labels: numbers(&all["labels"]).into_iter().map(|v| Some(v as usize)).collect(),
            y: numbers(&all["y"]),
            known: all["known"]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_bool().unwrap())
                .collect(),
            d: all["dims"].as_u64().unwrap() as usize,
            all,
        }
    }

    fn table(&self) -> Table<'_> {
        Table {
            x: &self.x,
            width: self.d,
        }
    }

    fn unseen(&self) -> Table<'_> {
        Table {
            x: &self.test,
            width: self.d,
        }
    }

    fn answers<'a>(&'a self, known: &'a [bool]) -> Answers<'a> {
        Answers {
            y: &self.y,
            known,
            outputs: 2,
        }
    }

    fn cases(&self, name: &str) -> &Vec<Value> {
        self.all[name].as_array().unwrap()
    }
}

#[test]
fn ridge() {
    let golden = Golden::read();
    let few: Vec<bool> = golden
        .known
        .iter()
        .enumerate()
        .map(|(i, &known)| known && i / 2 < 5)
        .collect();
    for (known, key) in [(&golden.known, "scores"), (&few, "wide")] {
        let path = Ridge::new(
            &golden.table(),
            &golden.answers(known),
            Intercept::Free,
            &Interrupt::default(),
        )
        .unwrap();
        for case in golden.cases("ridge") {
            let linear = path
                .solve(case["alpha"].as_f64().unwrap(), &Interrupt::default())
                .unwrap();
            close(
                &linear.predict(&golden.unseen(), &Interrupt::default()).unwrap().data,
                &case[key],
                1e-9,
            );
        }
    }
}

#[test]
fn kernel_ridge() {
    let golden = Golden::read();
    let everything: Vec<usize> = (0..golden.labels.len()).collect();
    // Nyström features with every sample as a landmark are exact but for the jitter.
    for (limit, within) in [(1000, 1e-9), (10, 1e-5)] {
        for case in golden.cases("kernel_ridge") {
            let gamma = case["gamma"].as_f64().unwrap();
            let width = Width {
                shape: Shape::rbf(gamma),
                limit,
                landmarks: &everything,
            };
            let path = KernelRidge::new(
                &golden.table(),
                &golden.answers(&golden.known),
                &width,
                &Interrupt::default(),
            )
            .unwrap();
            let fit = path
                .solve(case["lambda"].as_f64().unwrap(), &Interrupt::default())
                .unwrap();
            close(
                &fit.predict(&golden.unseen(), &Interrupt::default()).unwrap().data,
                &case["scores"],
                within,
            );
        }
    }
}

#[test]
fn lda() {
    let golden = Golden::read();
    let path = Lda::new(&golden.table(), &golden.labels, 4, &Interrupt::default()).unwrap();
    for case in golden.cases("lda") {
        let fit = path
            .solve(case["shrinkage"].as_f64().unwrap(), &Interrupt::default())
            .unwrap();
        close(
            &fit.predict(&golden.unseen(), &Interrupt::default()).unwrap().data,
            &case["probabilities"],
            1e-9,
        );
    }
}

#[test]
fn svc() {
    let golden = Golden::read();
    let active: Vec<bool> = golden
        .labels
        .iter()
        .flat_map(|&c| [c == Some(0), c == Some(1)])
        .collect();
    for case in golden.cases("svc") {
        let (gamma, c) = (case["gamma"].as_f64().unwrap(), case["c"].as_f64().unwrap());
        let width = Width {
            shape: Shape::rbf(gamma),
            limit: 1000,
            landmarks: &[],
        };
        let states = States::Classes {
            labels: &golden.labels,
            count: 4,
        };
        let svm = SvmPath::new(&golden.table(), &states, &width, &Interrupt::default()).unwrap();
        let svm = svm.solve(c, &Interrupt::default()).unwrap();
        close(
            &svm.decisions(&golden.unseen(), &Interrupt::default()).unwrap().data,
            &case["pairs"],
            5e-3,
        );
        let scores = svm.predict(&golden.unseen(), &Interrupt::default()).unwrap();
        close(&scores.data, &case["scores"], 5e-3);
        for (row, class) in scores.data.chunks_exact(4).zip(numbers(&case["classes"])) {
            let largest = (0..4).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
            assert_eq!(largest, class as usize);
        }
        let states = States::Outputs {
            active: &active,
            known: &golden.known,
            count: 2,
        };
        let svm = SvmPath::new(&golden.table(), &states, &width, &Interrupt::default()).unwrap();
        let scores = svm
            .solve(c, &Interrupt::default())
            .unwrap()
            .predict(&golden.unseen(), &Interrupt::default())
            .unwrap();
        close(&scores.data, &case["two_states"], 5e-3);
    }
}

#[test]
fn linear_svc() {
    let golden = Golden::read();
    let case = &golden.all["linear_svc"];
    let sides: Vec<f64> = golden
        .labels
        .iter()
        .flat_map(|&label| (0..4).map(move |class| if label == Some(class) { 1.0 } else { -1.0 }))
        .collect();
    let problem = dual::Problem {
        x: &golden.x,
        width: golden.d,
        sides: &sides,
        outputs: 4,
        c: case["c"].as_f64().unwrap(),
    };
    let planes = dual::solve(&problem, 1e-8, 0, &mut Vec::new(), &Interrupt::default()).unwrap();
    let scores: Vec<f64> = golden
        .test
        .chunks_exact(golden.d)
        .flat_map(|x| {
            planes
                .iter()
                .map(|plane| crate::solver::linalg::dot(x, &plane.weights) + plane.bias)
        })
        .collect();
    close(&scores, &case["scores"], 1e-4);
}
