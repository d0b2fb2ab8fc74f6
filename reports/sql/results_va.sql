-- Valence and arousal: methods against metrics, mean and standard deviation over the seeds of a run, on the test split.
-- A mean is given only where every seed of the run has the metric; otherwise the cell is missing.
-- lead: ccc_va of AURA's primal read-out minus the row's, taken seed by seed.
-- low/high: the seeds' own 95 % intervals (uncertainty of a finite test set), averaged.
WITH seeds AS (
  SELECT run, CAST(array_length(seeds) AS BIGINT) AS wanted FROM runs WHERE task = 'valence_arousal'
),
final AS (
  SELECT run, seed, method, metric, value, low, high, n
  FROM seed_metrics
  WHERE epoch IS NULL AND split = 'test' AND metric IN (
    'ccc_va', 'ccc_v', 'ccc_a', 'pcc_v', 'pcc_a', 'rmse_v', 'rmse_a', 'sagr_v', 'sagr_a'
  )
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
  WHERE o.metric = 'ccc_va' AND o.method <> 'aura'
  GROUP BY o.run, o.method
  HAVING count(*) = max(s.wanted)
)
SELECT c.run, c.method, min(found) AS seeds, max(n) AS samples,
       max(mean) FILTER (WHERE metric = 'ccc_va') AS ccc_va,
       max(sd) FILTER (WHERE metric = 'ccc_va') AS ccc_va_sd,
       max(low) FILTER (WHERE metric = 'ccc_va') AS ccc_va_low,
       max(high) FILTER (WHERE metric = 'ccc_va') AS ccc_va_high,
       max(mean) FILTER (WHERE metric = 'ccc_v') AS ccc_v,
       max(sd) FILTER (WHERE metric = 'ccc_v') AS ccc_v_sd,
       max(mean) FILTER (WHERE metric = 'ccc_a') AS ccc_a,
       max(sd) FILTER (WHERE metric = 'ccc_a') AS ccc_a_sd,
       max(mean) FILTER (WHERE metric = 'pcc_v') AS pcc_v,
       max(sd) FILTER (WHERE metric = 'pcc_v') AS pcc_v_sd,
       max(mean) FILTER (WHERE metric = 'pcc_a') AS pcc_a,
       max(sd) FILTER (WHERE metric = 'pcc_a') AS pcc_a_sd,
       max(mean) FILTER (WHERE metric = 'rmse_v') AS rmse_v,
       max(sd) FILTER (WHERE metric = 'rmse_v') AS rmse_v_sd,
       max(mean) FILTER (WHERE metric = 'rmse_a') AS rmse_a,
       max(sd) FILTER (WHERE metric = 'rmse_a') AS rmse_a_sd,
       max(mean) FILTER (WHERE metric = 'sagr_v') AS sagr_v,
       max(sd) FILTER (WHERE metric = 'sagr_v') AS sagr_v_sd,
       max(mean) FILTER (WHERE metric = 'sagr_a') AS sagr_a,
       max(sd) FILTER (WHERE metric = 'sagr_a') AS sagr_a_sd,
       max(l.lead) AS lead, max(l.lead_sd) AS lead_sd
FROM complete c
LEFT JOIN lead l ON l.run = c.run AND l.method = c.method
GROUP BY c.run, c.method
ORDER BY c.run, CASE c.method WHEN 'aura' THEN 0 WHEN 'aura_mixture' THEN 1 ELSE 2 END, c.method
