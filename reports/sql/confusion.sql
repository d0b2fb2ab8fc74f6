-- Confusion of the run's own method on the test split (AURA's primal read-out, or the tool that was scored), pooled over its seeds.
-- share: of the samples with this label, the part that got this prediction; what is missing of it got none.
WITH counted AS (
  SELECT p.run, p.label, p.prediction, count(*) AS samples
  FROM predictions p
  JOIN runs r ON r.run = p.run AND r.method = p.method
  WHERE p.split = 'test' AND p.label IS NOT NULL
  GROUP BY p.run, p.label, p.prediction
),
labelled AS (
  SELECT run, label, sum(samples) AS samples FROM counted GROUP BY run, label
),
grid AS (
  SELECT t.run, t.class AS label, t.class_name AS label_name, p.class AS prediction, p.class_name AS prediction_name
  FROM classes t JOIN classes p ON t.run = p.run
  WHERE t.run IN (SELECT run FROM counted)
)
SELECT g.run, g.label, g.label_name, g.prediction, g.prediction_name, coalesce(c.samples, 0) AS samples,
       CAST(coalesce(c.samples, 0) AS DOUBLE) / l.samples AS share
FROM grid g
LEFT JOIN labelled l ON l.run = g.run AND l.label = g.label
LEFT JOIN counted c ON g.run = c.run AND g.label = c.label AND g.prediction = c.prediction
ORDER BY g.run, g.label, g.prediction
