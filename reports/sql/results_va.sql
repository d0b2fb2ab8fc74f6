-- Valence and arousal: methods against metrics, over the seeds of a run, on the test split.
-- A mean is given only where every seed of the run has the metric (view `scores`); otherwise the cell is missing.
-- low/high: the seeds' own 95 % intervals (uncertainty of a finite test set), averaged.
SELECT s.run, s.method, min(s.seeds) AS seeds, max(s.n) AS samples,
       max(s.mean) FILTER (WHERE s.metric = 'ccc_va') AS ccc_va, max(s.sd) FILTER (WHERE s.metric = 'ccc_va') AS ccc_va_sd,
       max(s.low) FILTER (WHERE s.metric = 'ccc_va') AS ccc_va_low, max(s.high) FILTER (WHERE s.metric = 'ccc_va') AS ccc_va_high,
       max(s.mean) FILTER (WHERE s.metric = 'ccc_v') AS ccc_v, max(s.sd) FILTER (WHERE s.metric = 'ccc_v') AS ccc_v_sd,
       max(s.mean) FILTER (WHERE s.metric = 'ccc_a') AS ccc_a, max(s.sd) FILTER (WHERE s.metric = 'ccc_a') AS ccc_a_sd,
       max(s.mean) FILTER (WHERE s.metric = 'pcc_v') AS pcc_v, max(s.sd) FILTER (WHERE s.metric = 'pcc_v') AS pcc_v_sd,
       max(s.mean) FILTER (WHERE s.metric = 'pcc_a') AS pcc_a, max(s.sd) FILTER (WHERE s.metric = 'pcc_a') AS pcc_a_sd,
       max(s.mean) FILTER (WHERE s.metric = 'rmse_v') AS rmse_v, max(s.sd) FILTER (WHERE s.metric = 'rmse_v') AS rmse_v_sd,
       max(s.mean) FILTER (WHERE s.metric = 'rmse_a') AS rmse_a, max(s.sd) FILTER (WHERE s.metric = 'rmse_a') AS rmse_a_sd,
       max(s.mean) FILTER (WHERE s.metric = 'sagr_v') AS sagr_v, max(s.sd) FILTER (WHERE s.metric = 'sagr_v') AS sagr_v_sd,
       max(s.mean) FILTER (WHERE s.metric = 'sagr_a') AS sagr_a, max(s.sd) FILTER (WHERE s.metric = 'sagr_a') AS sagr_a_sd
FROM scores s
JOIN primary_metrics p ON p.run = s.run AND p.task = 'valence_arousal'
WHERE s.split = 'test'
  AND s.metric IN (
    'ccc_va', 'ccc_v', 'ccc_a', 'pcc_v', 'pcc_a', 'rmse_v', 'rmse_a', 'sagr_v', 'sagr_a'
  )
GROUP BY s.run, s.method
ORDER BY s.run, CASE s.method WHEN 'aura' THEN 0 WHEN 'aura_mixture' THEN 1 WHEN 'aura_tuned' THEN 2 ELSE 3 END, s.method
