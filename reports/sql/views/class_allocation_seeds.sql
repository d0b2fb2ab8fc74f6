-- `class_allocation` over the seeds (and folds) of a run, with a row `all` for their sum: mean and standard deviation of
-- archetypes and matched samples, the least and the greatest use in any of them. Missing where a seed's dictionary is not
-- there.
WITH parts AS (
  SELECT run, fold, seed, class_name, assigned, uses_min, uses_max, matched, samples, 'row' AS row_kind FROM class_allocation
  UNION ALL
  SELECT run, fold, seed, 'all', sum(assigned), min(uses_min), max(uses_max), sum(matched), sum(samples), 'total'
  FROM class_allocation GROUP BY run, fold, seed
)
SELECT c.run, c.class_name, c.row_kind, count(DISTINCT c.seed) AS seeds, max(p.seeds * p.folds) AS wanted,
       CASE WHEN count(*) = max(p.seeds * p.folds) THEN avg(c.assigned) END AS assigned,
       CASE WHEN count(*) = max(p.seeds * p.folds) THEN stddev_samp(c.assigned) END AS assigned_sd,
       CASE WHEN count(*) = max(p.seeds * p.folds) THEN min(c.uses_min) END AS uses_min,
       CASE WHEN count(*) = max(p.seeds * p.folds) THEN max(c.uses_max) END AS uses_max,
       CASE WHEN count(*) = max(p.seeds * p.folds) THEN avg(c.matched) END AS matched,
       CASE WHEN count(*) = max(p.seeds * p.folds) THEN stddev_samp(c.matched) END AS matched_sd,
       max(c.samples) AS samples
FROM parts c
JOIN primary_metrics p ON p.run = c.run
GROUP BY c.run, c.class_name, c.row_kind
