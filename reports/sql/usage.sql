-- Use of every kept archetype on the training split, most used first.
WITH counted AS (
  SELECT run, seed, archetype, count(*) AS uses FROM assignments WHERE split = 'train' GROUP BY run, seed, archetype
)
SELECT a.run, a.seed, row_number() OVER (PARTITION BY a.run, a.seed ORDER BY coalesce(c.uses, 0) DESC, a.archetype) AS rank,
       a.archetype, a.label, a.label_name, coalesce(c.uses, 0) AS uses,
       CAST(coalesce(c.uses, 0) AS DOUBLE) / nullif(sum(coalesce(c.uses, 0)) OVER (PARTITION BY a.run, a.seed), 0) AS share
FROM archetypes a
LEFT JOIN counted c ON a.run = c.run AND a.seed = c.seed AND a.archetype = c.archetype
WHERE a.active
ORDER BY a.run, a.seed, rank
