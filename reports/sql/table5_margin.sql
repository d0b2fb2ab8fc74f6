-- The paper's Table 5: primary metric on the test split for each margin m of the archetype regularisation.
-- Only where runs differ in it; a run whose recipe leaves it to the task's default is left out.
WITH wanted AS (
  SELECT run, dataset, encoder, CAST(array_length(seeds) AS BIGINT) AS seeds,
         CASE task WHEN 'expression' THEN 'acc' WHEN 'valence_arousal' THEN 'ccc_va' ELSE 'f1_avg' END AS metric
  FROM runs
),
numbers AS (
  SELECT m.run, m.metric, CASE WHEN count(*) = max(w.seeds) THEN avg(m.value) END AS mean,
         CASE WHEN count(*) = max(w.seeds) THEN stddev_samp(m.value) END AS sd
  FROM seed_metrics m JOIN wanted w ON m.run = w.run
  WHERE m.epoch IS NULL AND m.method = 'aura'
    AND (m.metric = 'convergence_epoch' OR (m.split = 'test' AND m.metric = w.metric))
  GROUP BY m.run, m.metric
),
margins AS (
  SELECT run, CAST(value AS DOUBLE) AS margin FROM settings WHERE key = 'loss.margin'
)
SELECT w.run, w.dataset, w.metric, g.margin, v.mean AS value, v.sd AS value_sd,
       e.mean AS convergence_epoch, e.sd AS convergence_epoch_sd
FROM wanted w
JOIN margins g ON g.run = w.run
LEFT JOIN numbers v ON v.run = w.run AND v.metric = w.metric
LEFT JOIN numbers e ON e.run = w.run AND e.metric = 'convergence_epoch'
WHERE (SELECT count(DISTINCT margin) FROM margins) > 1
ORDER BY w.dataset, g.margin, w.run
