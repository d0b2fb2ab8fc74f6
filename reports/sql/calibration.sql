-- Calibration of every method whose outputs are probabilities (view `calibration`), over seeds; a mean is given only where every
-- seed (and fold) has it.
WITH seeds AS (
  SELECT c.run, c.seed, c.method, c.split, avg(c.ece) AS ece, avg(c.brier) AS brier, sum(c.n) AS n
  FROM calibration c
  JOIN primary_metrics p ON p.run = c.run
  WHERE c.unit IS NULL
  GROUP BY c.run, c.seed, c.method, c.split
  HAVING count(*) = max(p.folds)
)
SELECT s.run, s.method, s.split, count(*) AS seeds, max(s.n) AS samples,
       CASE WHEN count(*) = max(p.seeds) THEN avg(s.ece) END AS ece,
       CASE WHEN count(*) = max(p.seeds) THEN stddev_samp(s.ece) END AS ece_sd,
       CASE WHEN count(*) = max(p.seeds) THEN avg(s.brier) END AS brier,
       CASE WHEN count(*) = max(p.seeds) THEN stddev_samp(s.brier) END AS brier_sd
FROM seeds s
JOIN primary_metrics p ON p.run = s.run
GROUP BY s.run, s.method, s.split
ORDER BY s.run, CASE s.split WHEN 'test' THEN 0 ELSE 1 END, CASE WHEN s.method LIKE 'aura%' THEN 0 ELSE 1 END, s.method
