-- As table1_expression.sql, over the seeds of a run: mean and standard deviation of archetypes and matched samples,
-- the least and the greatest use in any seed.
WITH seeds AS (
  SELECT DISTINCT a.run, a.seed FROM archetypes a JOIN runs r ON a.run = r.run WHERE r.task = 'expression'
),
counted AS (
  SELECT run, seed, archetype, count(*) AS uses FROM assignments WHERE split = 'train' GROUP BY run, seed, archetype
),
per_class AS (
  SELECT a.run, a.seed, a.label AS class, count(*) AS assigned,
         min(coalesce(c.uses, 0)) AS uses_min, max(coalesce(c.uses, 0)) AS uses_max, sum(coalesce(c.uses, 0)) AS matched
  FROM archetypes a
  LEFT JOIN counted c ON a.run = c.run AND a.seed = c.seed AND a.archetype = c.archetype
  WHERE a.active
  GROUP BY a.run, a.seed, a.label
),
labelled AS (
  SELECT run, CAST(expression AS INT) AS class, count(*) AS samples
  FROM samples WHERE split = 'train' AND expression IS NOT NULL
  GROUP BY run, expression
)
SELECT k.run, k.class_name, count(*) AS seeds,
       avg(coalesce(p.assigned, 0)) AS assigned, stddev_samp(coalesce(p.assigned, 0)) AS assigned_sd,
       min(p.uses_min) AS uses_min, max(p.uses_max) AS uses_max,
       avg(coalesce(p.matched, 0)) AS matched, stddev_samp(coalesce(p.matched, 0)) AS matched_sd,
       max(coalesce(l.samples, 0)) AS samples
FROM seeds s
JOIN classes k ON k.run = s.run
LEFT JOIN per_class p ON p.run = s.run AND p.seed = s.seed AND p.class = k.class
LEFT JOIN labelled l ON l.run = s.run AND l.class = k.class
GROUP BY k.run, k.class_name
HAVING count(*) > 1
ORDER BY k.run, k.class_name
