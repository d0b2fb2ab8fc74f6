-- Reliability on the test split (view `reliability`), all seeds, folds and units together: of AURA's read-outs, and of the rival with
-- the best primary metric among those whose outputs are probabilities.
WITH all_bins AS (
  SELECT run, method, bin, sum(n) AS n, sum(n * confidence) / sum(n) AS confidence, sum(n * accuracy) / sum(n) AS accuracy
  FROM reliability WHERE split = 'test' GROUP BY run, method, bin
),
ranked AS (
  SELECT s.run, s.method, row_number() OVER (PARTITION BY s.run ORDER BY s.mean DESC, s.method) AS place
  FROM scores s
  JOIN primary_metrics p ON p.run = s.run AND p.metric = s.metric
  JOIN (SELECT DISTINCT run, method FROM all_bins) b ON b.run = s.run AND b.method = s.method
  WHERE s.split = 'test' AND s.method NOT LIKE 'aura%' AND s.mean IS NOT NULL
)
SELECT b.run, b.method, b.bin, b.n, b.confidence, b.accuracy
FROM all_bins b
LEFT JOIN ranked r ON r.run = b.run AND r.method = b.method
WHERE b.method LIKE 'aura%' OR r.place = 1
ORDER BY b.run, CASE WHEN b.method LIKE 'aura%' THEN 0 ELSE 1 END, b.method, b.bin
