-- Every method on the test split: the primary metric with its 95 % interval, and each seed. The method that the run is about stands
-- first, then its other read-outs, then the rivals from the best down.
WITH each_seed AS (
  SELECT run, method, metric, array_agg(value ORDER BY seed) AS seeds
  FROM seed_metrics WHERE epoch IS NULL AND split = 'test' GROUP BY run, method, metric
)
SELECT s.run, s.metric, s.method, s.mean, s.low, s.high, e.seeds,
       CASE WHEN s.method = r.method THEN 0 WHEN r.method = 'aura' AND starts_with(s.method, 'aura_') THEN 1 ELSE 2 END AS kind
FROM scores s
JOIN primary_metrics p ON p.run = s.run AND p.metric = s.metric
JOIN runs r ON r.run = s.run
LEFT JOIN each_seed e ON e.run = s.run AND e.method = s.method AND e.metric = s.metric
WHERE s.split = 'test' AND s.mean IS NOT NULL
ORDER BY s.run, kind, s.mean DESC, s.method
