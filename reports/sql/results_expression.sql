-- Methods against metrics, over the seeds of a run, on the test split.
-- A mean is given only where every seed of the run has the metric (view `scores`); otherwise the cell is missing.
-- low/high: the seeds' own 95 % intervals (uncertainty of a finite test set), averaged.
SELECT s.run, s.method, min(s.seeds) AS seeds, max(s.n) AS samples,
       max(s.mean) FILTER (WHERE s.metric = 'acc') AS acc, max(s.sd) FILTER (WHERE s.metric = 'acc') AS acc_sd,
       max(s.low) FILTER (WHERE s.metric = 'acc') AS acc_low, max(s.high) FILTER (WHERE s.metric = 'acc') AS acc_high,
       max(s.mean) FILTER (WHERE s.metric = 'balanced_acc') AS balanced_acc, max(s.sd) FILTER (WHERE s.metric = 'balanced_acc') AS balanced_acc_sd,
       max(s.mean) FILTER (WHERE s.metric = 'f1_macro') AS f1_macro, max(s.sd) FILTER (WHERE s.metric = 'f1_macro') AS f1_macro_sd
FROM scores s
JOIN primary_metrics p ON p.run = s.run AND p.task = 'expression'
WHERE s.split = 'test'
  AND s.metric IN (
    'acc', 'balanced_acc', 'f1_macro'
  )
GROUP BY s.run, s.method
ORDER BY s.run, CASE s.method WHEN 'aura' THEN 0 WHEN 'aura_mixture' THEN 1 WHEN 'aura_tuned' THEN 2 ELSE 3 END, s.method
