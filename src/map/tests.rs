//! Against umap-learn and scikit-learn on handwritten digits (`tests/peers/map/make.py`).

use serde::Deserialize;

use crate::map::umap::curve;
use crate::metric::separability::{neighbour_purity, silhouette, trustworthiness};
use crate::sets::Matrix;

use super::*;

#[derive(Deserialize)]
struct Golden {
    points: Vec<Vec<f32>>,
    labels: Vec<usize>,
    neighbours: usize,
    curve: std::collections::BTreeMap<String, [f64; 2]>,
    graph_edges: usize,
    graph_degrees: Vec<f64>,
    map: Vec<[f32; 2]>,
    trustworthiness: f64,
    trustworthiness_of_seeds: Vec<f64>,
    silhouette: f64,
    silhouette_map: f64,
    purity: f64,
    purity_map: f64,
}

fn golden() -> (Golden, Distances) {
    let golden: Golden = serde_json::from_str(include_str!("../../tests/peers/map/golden.json")).unwrap();
    let points = Matrix {
        rows: golden.points.len(),
        cols: golden.points[0].len(),
        data: golden.points.concat(),
    };
    let distances = Distances::cosine(&points).unwrap();
    (golden, distances)
}

fn close(ours: f64, theirs: f64, tolerance: f64) {
    assert!((ours - theirs).abs() < tolerance, "{ours} against {theirs}");
}

#[test]
fn silhouette_purity_and_trustworthiness_are_those_of_scikit_learn() {
    let (golden, distances) = golden();
    let plane = Distances::plane(&golden.map);
    let k = golden.neighbours;
    for (distances, s, p) in [
        (&distances, golden.silhouette, golden.purity),
        (&plane, golden.silhouette_map, golden.purity_map),
    ] {
        let ours = silhouette(&golden.labels, |i, j| f64::from(distances.row(i)[j])).unwrap();
        close(ours.unwrap(), s, 1e-5);
        close(
            neighbour_purity(&golden.labels, &distances.nearest(k).lists).unwrap(),
            p,
            1e-9,
        );
    }
    let ours = trustworthiness(|i| distances.order(i), &plane.nearest(k).lists).unwrap();
    close(ours.unwrap(), golden.trustworthiness, 1e-4);
}

#[test]
fn the_curve_is_that_of_umap_learn() {
    let (golden, _) = golden();
    for (min_dist, [a, b]) in &golden.curve {
        let (ours_a, ours_b) = curve(min_dist.parse().unwrap());
        close(ours_a, *a, 1e-4);
        close(ours_b, *b, 1e-4);
    }
}

#[test]
fn the_graph_is_that_of_umap_learn() {
    let (golden, distances) = golden();
    let graph = Umap {
        neighbours: golden.neighbours,
        ..Umap::default()
    }
    .graph(&distances);
    assert_eq!(graph.len(), golden.graph_edges);
    let mut degrees = vec![0.0; golden.graph_degrees.len()];
    for edge in &graph {
        degrees[edge.from] += edge.weight;
    }
    for (ours, theirs) in degrees.iter().zip(&golden.graph_degrees) {
        close(*ours, *theirs, 2e-3);
    }
}

#[test]
fn maps_keep_neighbours_as_umap_learn_does_and_are_the_same_every_time() {
    let (golden, distances) = golden();
    let umap = Umap {
        neighbours: golden.neighbours,
        ..Umap::default()
    };
    let map = umap.layout(&distances).unwrap();
    assert_eq!(map, umap.layout(&distances).unwrap());
    let plane = Distances::plane(&map);
    let k = golden.neighbours;
    let ours = trustworthiness(|i| distances.order(i), &plane.nearest(k).lists)
        .unwrap()
        .unwrap();
    let worst = golden.trustworthiness_of_seeds.iter().copied().fold(1.0, f64::min);
    assert!(ours > worst - 0.01, "{ours} against {worst}");
    let ours = neighbour_purity(&golden.labels, &plane.nearest(k).lists).unwrap();
    assert!(ours > golden.purity_map - 0.03, "{ours} against {}", golden.purity_map);
    // A map without any order would do much worse: the check can fail.
    let mut shuffled = map.clone();
    shuffled.reverse();
    let plane = Distances::plane(&shuffled);
    let lost = trustworthiness(|i| distances.order(i), &plane.nearest(k).lists)
        .unwrap()
        .unwrap();
    assert!(lost < 0.7, "{lost}");
}

#[test]
fn odd_points_have_maps_too() {
    let all_same = Matrix {
        rows: 6,
        cols: 2,
        data: [1.0, 2.0].repeat(6),
    };
    let with_zeros = Matrix {
        rows: 5,
        cols: 2,
        data: vec![0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.5],
    };
    for points in [all_same, with_zeros] {
        let map = Umap::default().layout(&Distances::cosine(&points).unwrap()).unwrap();
        assert_eq!(map.len(), points.rows);
        assert!(map.iter().flatten().all(|value| value.is_finite()), "{map:?}");
    }
    let two = Distances::plane(&[[0.0, 0.0], [1.0, 0.0]]);
    assert!(Umap::default().layout(&two).is_err());
    let broken = Matrix {
        rows: 1,
        cols: 1,
        data: vec![f32::NAN],
    };
    assert!(Distances::cosine(&broken).unwrap_err().to_string().contains("row 0"));
}

#[test]
fn measures_of_nothing_are_nothing() {
    assert_eq!(silhouette(&[0, 0], |_, _| 1.0).unwrap(), None);
    // A class of one counts 0; the others are perfect.
    let alone = silhouette(&[0, 0, 1], |i, j| f64::from(u8::from((i == 2) != (j == 2)))).unwrap();
    close(alone.unwrap(), 2.0 / 3.0, 1e-12);
    assert_eq!(neighbour_purity(&[], &[]), None);
    assert_eq!(trustworthiness(|_| Vec::new(), &[vec![1], vec![0]]).unwrap(), None);
    assert!(trustworthiness(|_| Vec::new(), &[vec![1], vec![2], vec![0]]).is_err());
}
