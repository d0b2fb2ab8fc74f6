-- Confusion of the primal read-out on the test split, pooled over the seeds of a run.
-- share: of the samples with this label, the part that got this prediction.
WITH counted AS (
  SELECT run, label, prediction, count(*) AS samples, count(DISTINCT seed) AS seeds
  FROM predictions
  WHERE method = 'aura' AND split = 'test' AND label IS NOT NULL AND prediction IS NOT NULL
  GROUP BY run, label, prediction
),
grid AS (
  SELECT t.run, t.class AS label, t.class_name AS label_name, p.class AS prediction, p.class_name AS prediction_name
  FROM classes t JOIN classes p ON t.run = p.run
  WHERE t.run IN (SELECT run FROM counted)
)
SELECT g.run, g.label, g.label_name, g.prediction, g.prediction_name, coalesce(c.samples, 0) AS samples,
       CAST(coalesce(c.samples, 0) AS DOUBLE) / nullif(sum(coalesce(c.samples, 0)) OVER (PARTITION BY g.run, g.label), 0) AS share
FROM grid g
LEFT JOIN counted c ON g.run = c.run AND g.label = c.label AND g.prediction = c.prediction
ORDER BY g.run, g.label, g.prediction
