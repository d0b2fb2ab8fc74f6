-- The paper's Table 2: what stays of the dictionary for each K max, one row a run; the runs of a study (or, outside of
-- studies, of a database) in which K max varies. A number stands there only if every seed (and fold) has it.
-- distribution: kept archetypes of each class, mean over seeds. gflops: one image, dictionary of K max; gflops_pruned: with
-- what is kept.
WITH varied AS (
  SELECT study, dataset FROM run_settings GROUP BY study, dataset HAVING count(DISTINCT k_max) > 1
),
sizes AS (
  SELECT d.run, avg(d.kept) AS k_stable, stddev_samp(d.kept) AS k_stable_sd
  FROM dictionary_sizes d JOIN primary_metrics p ON p.run = d.run
  GROUP BY d.run
  HAVING count(*) = max(p.seeds)
),
per_class AS (
  SELECT c.run, c.class, c.class_name, round(avg(c.assigned), 1) AS archetypes
  FROM class_allocation c JOIN primary_metrics p ON p.run = c.run
  GROUP BY c.run, c.class, c.class_name
  HAVING count(*) = max(p.seeds * p.folds)
),
shares AS (
  SELECT run, string_agg(
           class_name || ' ' || CASE WHEN archetypes = floor(archetypes) THEN CAST(CAST(archetypes AS BIGINT) AS VARCHAR)
                                     ELSE CAST(archetypes AS VARCHAR) END, ' / ' ORDER BY class_name) AS distribution
  FROM per_class GROUP BY run
)
SELECT t.run, t.study, t.dataset, t.metric, t.k_max, z.k_stable, z.k_stable_sd, t.value, t.value_sd,
       t.epoch AS convergence_epoch, t.epoch_sd AS convergence_epoch_sd, h.distribution,
       g.mean AS gflops, f.mean AS gflops_pruned
FROM run_settings t
JOIN varied v ON v.study = t.study AND v.dataset = t.dataset
LEFT JOIN sizes z ON z.run = t.run
LEFT JOIN shares h ON h.run = t.run
LEFT JOIN scores g ON g.run = t.run AND g.method = 'aura' AND g.metric = 'gflops'
LEFT JOIN scores f ON f.run = t.run AND f.method = 'aura' AND f.metric = 'gflops_pruned'
ORDER BY t.dataset, t.study, t.k_max, t.run
