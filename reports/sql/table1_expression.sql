-- The expression block of the paper's Table 1: what each class gets of the dictionary.
-- Counted on the training split, after pruning, by hard assignment to the nearest kept archetype.
--   assigned  kept archetypes whose class it is      uses_min, uses_max  samples matched by the least and the most used
--   matched   samples matched to those archetypes    samples             samples that carry the label
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
),
class_rows AS (
  SELECT s.run, s.seed, k.class_name, coalesce(p.assigned, 0) AS assigned, p.uses_min, p.uses_max,
         coalesce(p.matched, 0) AS matched, coalesce(l.samples, 0) AS samples
  FROM seeds s
  JOIN classes k ON k.run = s.run
  LEFT JOIN per_class p ON p.run = s.run AND p.seed = s.seed AND p.class = k.class
  LEFT JOIN labelled l ON l.run = s.run AND l.class = k.class
)
SELECT run, seed, class_name, assigned, uses_min, uses_max, matched, samples, 'row' AS row_kind
FROM class_rows
UNION ALL
SELECT run, seed, 'all', sum(assigned), min(uses_min), max(uses_max), sum(matched), sum(samples), 'total'
FROM class_rows GROUP BY run, seed
ORDER BY run, seed, row_kind, class_name
