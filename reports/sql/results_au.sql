-- Action units: methods against F1 of each unit and their mean, over the seeds of a run, on the test split; one row a unit.
-- A mean is given only where every seed of the run has the metric (view `scores`); otherwise the cell is missing.
-- low/high: the seeds' own 95 % intervals (uncertainty of a finite test set), averaged.
WITH judged AS (
  SELECT s.run, s.method, s.metric, s.seeds, s.n, s.mean, s.sd, s.low, s.high
  FROM scores s
  JOIN primary_metrics p ON p.run = s.run AND p.task = 'action_units'
  WHERE s.split = 'test' AND (s.metric IN ('f1_avg', 'acc_avg') OR s.metric LIKE 'f1_au__')
),
methods AS (
  SELECT run, method, min(seeds) AS seeds, max(n) AS samples,
         max(mean) FILTER (WHERE metric = 'f1_avg') AS f1_avg, max(sd) FILTER (WHERE metric = 'f1_avg') AS f1_avg_sd,
         max(low) FILTER (WHERE metric = 'f1_avg') AS f1_avg_low, max(high) FILTER (WHERE metric = 'f1_avg') AS f1_avg_high,
         max(mean) FILTER (WHERE metric = 'acc_avg') AS acc_avg, max(sd) FILTER (WHERE metric = 'acc_avg') AS acc_avg_sd
  FROM judged GROUP BY run, method
),
by_unit AS (
  SELECT run, method, substr(metric, 4) AS unit, mean AS f1, sd AS f1_sd FROM judged WHERE metric LIKE 'f1_au__'
)
SELECT m.run, m.method, m.seeds, m.samples, m.f1_avg, m.f1_avg_sd, m.f1_avg_low, m.f1_avg_high, u.unit, u.f1, u.f1_sd,
       m.acc_avg, m.acc_avg_sd
FROM methods m
LEFT JOIN by_unit u ON u.run = m.run AND u.method = m.method
ORDER BY m.run, CASE m.method WHEN 'aura' THEN 0 WHEN 'aura_mixture' THEN 1 WHEN 'aura_tuned' THEN 2 ELSE 3 END, m.method, u.unit
