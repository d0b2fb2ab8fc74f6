-- Kept archetypes of each class, seed by seed, with the class's samples on the training split.
WITH seeds AS (
  SELECT DISTINCT a.run, a.seed FROM archetypes a JOIN runs r ON a.run = r.run WHERE r.task = 'expression'
),
kept AS (
  SELECT run, seed, label AS class, count(*) AS archetypes FROM archetypes WHERE active GROUP BY run, seed, label
),
labelled AS (
  SELECT run, CAST(expression AS INT) AS class, count(*) AS samples
  FROM samples WHERE split = 'train' AND expression IS NOT NULL
  GROUP BY run, expression
)
SELECT s.run, s.seed, k.class, k.class_name, coalesce(p.archetypes, 0) AS archetypes, coalesce(l.samples, 0) AS samples
FROM seeds s
JOIN classes k ON k.run = s.run
LEFT JOIN kept p ON p.run = s.run AND p.seed = s.seed AND p.class = k.class
LEFT JOIN labelled l ON l.run = s.run AND l.class = k.class
ORDER BY s.run, k.class, s.seed
