-- Expected calibration error and Brier score (view `reliability`), seed by seed: of expressions one row a method and split, of
-- action units one row a unit, and their mean without `unit`. ece: the mean distance of confidence and accuracy over the bins, each
-- with the weight of its samples.
WITH each AS (
  SELECT run, fold, seed, method, split, unit, sum(n) AS n, sum(n * abs(confidence - accuracy)) / sum(n) AS ece,
         sum(n * brier) / sum(n) AS brier
  FROM reliability GROUP BY run, fold, seed, method, split, unit
)
SELECT run, fold, seed, method, split, unit, n, ece, brier FROM each
UNION ALL
SELECT run, fold, seed, method, split, CAST(NULL AS VARCHAR), max(n), avg(ece), avg(brier)
FROM each WHERE unit IS NOT NULL GROUP BY run, fold, seed, method, split
