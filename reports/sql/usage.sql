-- Use of every kept archetype on the training split, most used first; in a run with folds, of the first fold.
WITH first_fold AS (
  SELECT run, min(fold) AS fold FROM archetypes GROUP BY run
),
counted AS (
  SELECT run, fold, seed, archetype, count(*) AS uses FROM assignments WHERE split = 'train' GROUP BY run, fold, seed, archetype
)
SELECT a.run, a.seed, row_number() OVER (PARTITION BY a.run, a.seed ORDER BY coalesce(c.uses, 0) DESC, a.archetype) AS rank,
       a.archetype, a.label, a.label_name, coalesce(c.uses, 0) AS uses,
       CAST(coalesce(c.uses, 0) AS DOUBLE) / nullif(sum(coalesce(c.uses, 0)) OVER (PARTITION BY a.run, a.seed), 0) AS share
FROM archetypes a
JOIN first_fold f ON a.run = f.run AND (a.fold IS NOT DISTINCT FROM f.fold)
LEFT JOIN counted c ON a.run = c.run AND (a.fold IS NOT DISTINCT FROM c.fold) AND a.seed = c.seed AND a.archetype = c.archetype
WHERE a.active
ORDER BY a.run, a.seed, rank
