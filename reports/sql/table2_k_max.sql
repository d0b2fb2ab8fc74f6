-- The paper's Table 2: what stays of the dictionary for each K max, one row a run; the runs of a study (or, outside of
-- studies, of a database) in which K max varies. A number stands there only if every seed (and fold) has it.
-- distribution: kept archetypes of each class, mean over seeds. gflops: one image, dictionary of K max; gflops_pruned: with
-- what is kept.
WITH varied AS (
  SELECT study, dataset FROM run_settings GROUP BY study, dataset HAVING count(DISTINCT k_max) > 1
),
dictionaries AS (
  SELECT run, count(*) AS found FROM (SELECT DISTINCT run, fold, seed FROM archetypes) GROUP BY run
),
kept AS (
  SELECT run, label, count(*) AS archetypes FROM archetypes WHERE active AND label IS NOT NULL GROUP BY run, label
),
per_class AS (
  SELECT k.run, k.class_name, round(coalesce(t.archetypes, 0) / CAST(d.found AS DOUBLE), 1) AS archetypes
  FROM classes k
  JOIN primary_metrics p ON p.run = k.run AND p.task = 'expression'
  JOIN dictionaries d ON d.run = k.run AND d.found = p.seeds * p.folds
  LEFT JOIN kept t ON t.run = k.run AND t.label = k.class
),
shares AS (
  SELECT run, string_agg(
           class_name || ' ' || CASE WHEN archetypes = floor(archetypes) THEN CAST(CAST(archetypes AS BIGINT) AS VARCHAR)
                                     ELSE CAST(archetypes AS VARCHAR) END, ' / ' ORDER BY class_name) AS distribution
  FROM per_class GROUP BY run
)
SELECT t.run, t.study, t.dataset, t.metric, t.k_max, z.mean AS k_stable, z.sd AS k_stable_sd, t.value, t.value_sd,
       t.epoch AS convergence_epoch, t.epoch_sd AS convergence_epoch_sd, h.distribution,
       g.mean AS gflops, f.mean AS gflops_pruned, c.mean AS gflops_contextualization
FROM run_settings t
JOIN varied v ON v.study = t.study AND v.dataset = t.dataset
LEFT JOIN shares h ON h.run = t.run
LEFT JOIN scores z ON z.run = t.run AND z.method = 'aura' AND z.metric = 'k_stable'
LEFT JOIN scores g ON g.run = t.run AND g.method = 'aura' AND g.metric = 'gflops'
LEFT JOIN scores f ON f.run = t.run AND f.method = 'aura' AND f.metric = 'gflops_pruned'
LEFT JOIN scores c ON c.run = t.run AND c.method = 'aura' AND c.metric = 'gflops_contextualization'
ORDER BY t.dataset, t.study, t.k_max, t.run
