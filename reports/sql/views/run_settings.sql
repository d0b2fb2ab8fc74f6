-- The settings that the paper's studies vary, one row a run. A loss weight that the recipe leaves out is 1; a margin that
-- it leaves to the task is 0.3, or 0.2 for valence and arousal. value, epoch: the primary metric on the test split and the
-- epoch of convergence, over seeds.
WITH told AS (
  SELECT run,
         max(CAST(value AS DOUBLE)) FILTER (WHERE key = 'loss.lambda_proj') AS lambda_proj,
         max(CAST(value AS DOUBLE)) FILTER (WHERE key = 'loss.lambda_arc') AS lambda_arc,
         max(CAST(value AS DOUBLE)) FILTER (WHERE key = 'loss.lambda_contx') AS lambda_contx,
         max(CAST(value AS DOUBLE)) FILTER (WHERE key = 'loss.margin') AS margin,
         max(CAST(CAST(value AS DOUBLE) AS BIGINT)) FILTER (WHERE key = 'model.k_max') AS k_max
  FROM settings
  WHERE key IN ('loss.lambda_proj', 'loss.lambda_arc', 'loss.lambda_contx', 'loss.margin', 'model.k_max')
  GROUP BY run
)
SELECT p.run, p.dataset, p.task, p.encoder, p.stand_in, coalesce(p.study, '') AS study, p.metric, p.seeds, p.folds, t.k_max,
       coalesce(t.lambda_proj, 1.0) AS lambda_proj, coalesce(t.lambda_arc, 1.0) AS lambda_arc,
       coalesce(t.lambda_contx, 1.0) AS lambda_contx,
       coalesce(t.margin, CASE p.task WHEN 'valence_arousal' THEN 0.2 ELSE 0.3 END) AS margin,
       s.mean AS value, s.sd AS value_sd, e.mean AS epoch, e.sd AS epoch_sd
FROM primary_metrics p
LEFT JOIN told t ON t.run = p.run
LEFT JOIN scores s ON s.run = p.run AND s.metric = p.metric AND s.method = 'aura' AND s.split = 'test'
LEFT JOIN scores e ON e.run = p.run AND e.metric = 'convergence_epoch' AND e.method = 'aura'
