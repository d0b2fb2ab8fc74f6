-- The primary metric of AURA's primal read-out on the test split minus a method's, taken seed by seed; only where every
-- seed has both.
SELECT o.run, o.method, avg(a.value - o.value) AS lead, stddev_samp(a.value - o.value) AS lead_sd
FROM seed_metrics o
JOIN primary_metrics p ON p.run = o.run AND p.metric = o.metric
JOIN seed_metrics a ON a.run = o.run AND a.seed = o.seed AND a.metric = o.metric
WHERE o.epoch IS NULL AND o.split = 'test' AND o.method <> 'aura'
  AND a.epoch IS NULL AND a.split = 'test' AND a.method = 'aura'
GROUP BY o.run, o.method
HAVING count(*) = max(p.seeds)
