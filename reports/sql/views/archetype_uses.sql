-- Archetypes with the training samples matched to each after pruning, counted from the assignments.
WITH counted AS (
  SELECT run, fold, seed, archetype, count(*) AS uses
  FROM assignments WHERE split = 'train' GROUP BY run, fold, seed, archetype
)
SELECT a.run, a.fold, a.seed, a.archetype, a.active, a.label, a.label_name, a.value, coalesce(c.uses, 0) AS uses
FROM archetypes a
LEFT JOIN counted c ON a.run = c.run AND (a.fold IS NOT DISTINCT FROM c.fold) AND a.seed = c.seed AND a.archetype = c.archetype
