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
    further: Vec<Vec<f32>>,
    placed: Vec<[f32; 2]>,
    trustworthiness_of_placed: f64,
    trustworthiness_of_transforms: Vec<f64>,
}

fn golden() -> (Golden, Distances) {
    let golden: Golden = serde_json::from_str(include_str!("../../tests/peers/map/golden.json")).unwrap();
    let distances = Distances::cosine(&matrix(&golden.points)).unwrap();
    (golden, distances)
}

fn matrix(points: &[Vec<f32>]) -> Matrix {
    Matrix {
        rows: points.len(),
        cols: points[0].len(),
        data: points.concat(),
    }
}

/// Trustworthiness of a map of points among themselves.
fn kept(points: &[Vec<f32>], map: &[[f32; 2]], k: usize) -> f64 {
    let distances = Distances::cosine(&matrix(points)).unwrap();
    let kept = trustworthiness(|i| distances.order(i), &Distances::plane(map).nearest(k).lists);
    kept.unwrap().unwrap()
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
fn further_points_begin_where_the_transform_of_umap_learn_begins() {
    let (golden, _) = golden();
    let umap = Umap {
        neighbours: golden.neighbours,
        ..Umap::default()
    };
    let laid = Laid::new(&matrix(&golden.points), &golden.map, &umap).unwrap();
    let begun = laid.without_descent().place(&matrix(&golden.further)).unwrap();
    for (ours, theirs) in begun.iter().flatten().zip(golden.placed.iter().flatten()) {
        close(f64::from(*ours), f64::from(*theirs), 2e-3);
    }
    let k = golden.neighbours;
    close(kept(&golden.further, &begun, k), golden.trustworthiness_of_placed, 1e-3);
}

#[test]
fn further_points_keep_neighbours_as_the_transform_of_umap_learn_does() {
    let (golden, distances) = golden();
    let umap = Umap {
        neighbours: golden.neighbours,
        ..Umap::default()
    };
    let map = umap.layout(&distances).unwrap();
    let laid = Laid::new(&matrix(&golden.points), &map, &umap).unwrap();
    let placed = laid.place(&matrix(&golden.further)).unwrap();
    let ours = kept(&golden.further, &placed, golden.neighbours);
    let worst = golden.trustworthiness_of_transforms.iter().copied().fold(1.0, f64::min);
    assert!(ours > worst - 0.01, "{ours} against {worst}");
    // Whatever stands beside a point, it has the same place.
    for (i, one) in golden.further.iter().enumerate().step_by(37) {
        let alone = laid.place(&matrix(std::slice::from_ref(one))).unwrap();
        assert_eq!(alone, placed[i..=i], "{i}");
    }
    // What is laid out already stays where it is, whatever its length.
    let twice: Vec<Vec<f32>> = golden
        .points
        .iter()
        .map(|row| row.iter().map(|value| 2.0 * value).collect())
        .collect();
    assert_eq!(laid.place(&matrix(&twice)).unwrap(), map);
}

#[test]
fn further_points_of_a_cluster_come_to_it() {
    // Three clusters at right angles, 40 points each, and one more point of each.
    let near = |axis: usize, i: usize| -> Vec<f32> {
        let mut row: Vec<f32> = (0..6).map(|d| 0.1 * ((i * 7 + d * 13) % 11) as f32 / 11.0).collect();
        row[axis] += 1.0;
        row
    };
    let points: Vec<Vec<f32>> = (0..120).map(|i| near(i / 40, i)).collect();
    let map: Vec<[f32; 2]> = (0..120)
        .map(|i| [10.0 * (i / 40) as f32 + (i % 8) as f32 / 8.0, (i % 5) as f32 / 5.0])
        .collect();
    let laid = Laid::new(&matrix(&points), &map, &Umap::default()).unwrap();
    let further: Vec<Vec<f32>> = (0..3).map(|axis| near(axis, 1000 + axis)).collect();
    for (axis, [x, y]) in laid.place(&matrix(&further)).unwrap().into_iter().enumerate() {
        let (dx, dy) = (x - 10.0 * axis as f32 - 0.5, y - 0.4);
        assert!(dx.hypot(dy) < 2.0, "{axis}: {x}, {y}");
    }
}

#[test]
fn odd_further_points_have_places_and_wrong_ones_are_refused() {
    let points = Matrix {
        rows: 4,
        cols: 2,
        data: vec![0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0],
    };
    let map = [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 1.0]];
    for neighbours in [2, 15] {
        let umap = Umap {
            neighbours,
            ..Umap::default()
        };
        let laid = Laid::new(&points, &map, &umap).unwrap();
        // A row of zeros is equally far from all, also from itself; of two equal points the first one is meant.
        let odd = Matrix {
            rows: 3,
            cols: 2,
            data: vec![0.0, 0.0, 3.0, 0.0, -1.0, -1.0],
        };
        let placed = laid.place(&odd).unwrap();
        assert!(placed.iter().flatten().all(|value| value.is_finite()), "{placed:?}");
        assert_eq!(placed[1..2], map[1..2]);
        let none = Matrix {
            rows: 0,
            cols: 2,
            data: Vec::new(),
        };
        assert!(laid.place(&none).unwrap().is_empty());
        let other = Matrix {
            rows: 1,
            cols: 3,
            data: vec![0.0; 3],
        };
        assert!(laid.place(&other).is_err());
    }
    assert!(Laid::new(&points, &map[..3], &Umap::default()).is_err());
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
