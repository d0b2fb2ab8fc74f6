-- Methods against metrics, mean and standard deviation over the seeds of a run, on the test split.
-- A mean is given only where every seed of the run has the metric; otherwise the cell is missing.
-- lead: accuracy of AURA's primal read-out minus the row's, taken seed by seed.
-- low/high: the seeds' own 95 % intervals (uncertainty of a finite test set), averaged.
WITH seeds AS (
  SELECT run, CAST(array_length(seeds) AS BIGINT) AS wanted FROM runs WHERE task = 'expression'
),
final AS (
  SELECT run, seed, method, metric, value, low, high, n
  FROM seed_metrics
  WHERE epoch IS NULL AND split = 'test' AND metric IN ('acc', 'balanced_acc', 'f1_macro')
),
summary AS (
  SELECT f.run, f.method, f.metric, count(f.value) AS found, max(s.wanted) AS wanted, max(f.n) AS n,
         avg(f.value) AS mean, stddev_samp(f.value) AS sd,
         CASE WHEN count(f.low) = count(f.value) THEN avg(f.low) END AS low,
         CASE WHEN count(f.high) = count(f.value) THEN avg(f.high) END AS high
  FROM final f JOIN seeds s ON f.run = s.run
  GROUP BY f.run, f.method, f.metric
),
complete AS (
  SELECT run, method, metric, n, found, wanted,
         CASE WHEN found = wanted THEN mean END AS mean,
         CASE WHEN found = wanted THEN sd END AS sd,
         CASE WHEN found = wanted THEN low END AS low,
         CASE WHEN found = wanted THEN high END AS high
  FROM summary
),
lead AS (
  SELECT o.run, o.method, avg(a.value - o.value) AS lead, stddev_samp(a.value - o.value) AS lead_sd
  FROM final o
  JOIN final a ON a.run = o.run AND a.seed = o.seed AND a.metric = o.metric AND a.method = 'aura'
  JOIN seeds s ON s.run = o.run
  WHERE o.metric = 'acc' AND o.method <> 'aura'
  GROUP BY o.run, o.method
  HAVING count(*) = max(s.wanted)
)
SELECT c.run, c.method, min(found) AS seeds, max(n) AS samples,
       max(mean) FILTER (WHERE metric = 'acc') AS acc,
       max(sd) FILTER (WHERE metric = 'acc') AS acc_sd,
       max(low) FILTER (WHERE metric = 'acc') AS acc_low,
       max(high) FILTER (WHERE metric = 'acc') AS acc_high,
       max(mean) FILTER (WHERE metric = 'balanced_acc') AS balanced_acc,
       max(sd) FILTER (WHERE metric = 'balanced_acc') AS balanced_acc_sd,
       max(mean) FILTER (WHERE metric = 'f1_macro') AS f1_macro,
       max(sd) FILTER (WHERE metric = 'f1_macro') AS f1_macro_sd,
       max(l.lead) AS lead, max(l.lead_sd) AS lead_sd
FROM complete c
LEFT JOIN lead l ON l.run = c.run AND l.method = c.method
GROUP BY c.run, c.method
ORDER BY c.run, CASE c.method WHEN 'aura' THEN 0 WHEN 'aura_mixture' THEN 1 ELSE 2 END, c.method
