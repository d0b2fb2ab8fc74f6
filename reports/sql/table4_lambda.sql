-- The paper's Table 4: primary metric on the test split and epoch of convergence for each setting of the loss weights.
-- Only where runs differ in them. A weight that the recipe leaves out is 1.
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
weights AS (
  SELECT w.run,
         coalesce(max(CAST(s.value AS DOUBLE)) FILTER (WHERE s.key = 'loss.lambda_proj'), 1.0) AS lambda_proj,
         coalesce(max(CAST(s.value AS DOUBLE)) FILTER (WHERE s.key = 'loss.lambda_arc'), 1.0) AS lambda_arc,
         coalesce(max(CAST(s.value AS DOUBLE)) FILTER (WHERE s.key = 'loss.lambda_contx'), 1.0) AS lambda_contx
  FROM wanted w
  LEFT JOIN (SELECT run, key, value FROM settings WHERE key IN ('loss.lambda_proj', 'loss.lambda_arc', 'loss.lambda_contx')) s
    ON s.run = w.run
  GROUP BY w.run
)
SELECT w.run, w.dataset, w.metric, g.lambda_proj, g.lambda_arc, g.lambda_contx,
       v.mean AS value, v.sd AS value_sd, e.mean AS convergence_epoch, e.sd AS convergence_epoch_sd
FROM wanted w
JOIN weights g ON g.run = w.run
LEFT JOIN numbers v ON v.run = w.run AND v.metric = w.metric
LEFT JOIN numbers e ON e.run = w.run AND e.metric = 'convergence_epoch'
WHERE (SELECT count(*) FROM (SELECT DISTINCT lambda_proj, lambda_arc, lambda_contx FROM weights)) > 1
ORDER BY w.dataset, g.lambda_proj, g.lambda_arc, g.lambda_contx, w.run
