-- Use of every kept archetype on the training split, most used first; in a run with folds, of the first fold.
WITH first_fold AS (
  SELECT run, min(fold) AS fold FROM archetype_uses GROUP BY run
)
SELECT u.run, u.seed, row_number() OVER (PARTITION BY u.run, u.seed ORDER BY u.uses DESC, u.archetype) AS rank,
       u.archetype, u.label, u.label_name, u.uses,
       CAST(u.uses AS DOUBLE) / nullif(sum(u.uses) OVER (PARTITION BY u.run, u.seed), 0) AS share
FROM archetype_uses u
JOIN first_fold f ON u.run = f.run AND (u.fold IS NOT DISTINCT FROM f.fold)
WHERE u.active
ORDER BY u.run, u.seed, rank
