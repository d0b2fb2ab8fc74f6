-- What each expression class gets of the dictionary, seed by seed, on the training split after pruning:
--   assigned  kept archetypes whose class it is      uses_min, uses_max  samples matched by the least and the most used
--   matched   samples matched to those archetypes    samples             samples that carry the label
WITH units AS (
  SELECT DISTINCT u.run, u.fold, u.seed FROM archetype_uses u JOIN runs r ON u.run = r.run WHERE r.task = 'expression'
),
per_class AS (
  SELECT run, fold, seed, label AS class, count(*) AS assigned, min(uses) AS uses_min, max(uses) AS uses_max,
         sum(uses) AS matched
  FROM archetype_uses WHERE active GROUP BY run, fold, seed, label
),
labelled AS (
  SELECT run, CAST(expression AS INT) AS class, count(*) AS samples
  FROM samples WHERE split = 'train' AND expression IS NOT NULL
  GROUP BY run, expression
)
SELECT u.run, u.fold, u.seed, k.class, k.class_name, coalesce(p.assigned, 0) AS assigned, p.uses_min, p.uses_max,
       coalesce(p.matched, 0) AS matched, coalesce(l.samples, 0) AS samples
FROM units u
JOIN classes k ON k.run = u.run
LEFT JOIN per_class p ON p.run = u.run AND (p.fold IS NOT DISTINCT FROM u.fold) AND p.seed = u.seed AND p.class = k.class
LEFT JOIN labelled l ON l.run = u.run AND l.class = k.class
