-- What each bin of valence, arousal or activation gets of the dictionary, seed by seed, on the training split after
-- pruning. A bin holds its lower end and not its upper one, the last bin holds both; labels and archetypes are single
-- precision, and so the ends are compared. samples: valence and arousal by their label, action units by their binary
-- label, which is 0 or 1 and falls into the outer bins (none, as in the paper's table, into the middle ones).
WITH scored AS (
  SELECT u.run, u.fold, u.seed, r.task, k.class_name AS dimension,
         CAST(array_element(u.value, CAST(k.class + 1 AS BIGINT)) AS REAL) AS score, u.uses
  FROM archetype_uses u
  JOIN runs r ON r.run = u.run
  JOIN classes k ON k.run = u.run
  WHERE u.active AND r.task <> 'expression'
),
units AS (
  SELECT DISTINCT run, fold, seed, task, dimension FROM scored
),
per_bin AS (
  SELECT run, fold, seed, dimension,
         CASE task WHEN 'valence_arousal' THEN affect_bin(score) ELSE activation_bin(score) END AS position,
         count(*) AS assigned, min(uses) AS uses_min, max(uses) AS uses_max, sum(uses) AS matched
  FROM scored GROUP BY run, fold, seed, dimension, position
),
-- Both labels of a sample at once, so that the table is read once.
affect AS (
  SELECT run, affect_bin(CAST(valence AS REAL)) AS valence_bin, affect_bin(CAST(arousal AS REAL)) AS arousal_bin,
         count(*) AS samples
  FROM samples WHERE split = 'train' GROUP BY run, valence_bin, arousal_bin
),
affect_labelled AS (
  SELECT a.run, d.dimension, CASE d.dimension WHEN 'valence' THEN a.valence_bin ELSE a.arousal_bin END AS position,
         sum(a.samples) AS samples
  FROM affect a
  CROSS JOIN (VALUES ('valence'), ('arousal')) AS d(dimension)
  GROUP BY a.run, d.dimension, position
),
activity AS (
  SELECT p.run, p.fold, p.seed, k.class_name AS dimension,
         CAST(array_element(p.target, CAST(k.class + 1 AS BIGINT)) AS REAL) AS score
  FROM predictions p
  JOIN runs r ON r.run = p.run
  JOIN classes k ON k.run = p.run
  WHERE p.split = 'train' AND p.method = 'aura' AND r.task = 'action_units'
),
activity_labelled AS (
  SELECT run, fold, seed, dimension, activation_bin(score) AS position, count(*) AS samples
  FROM activity GROUP BY run, fold, seed, dimension, position
)
SELECT u.run, u.fold, u.seed, u.task, u.dimension, b.low, b.high, coalesce(p.assigned, 0) AS assigned, p.uses_min, p.uses_max,
       coalesce(p.matched, 0) AS matched, coalesce(v.samples, a.samples) AS samples
FROM units u
JOIN bins b ON b.task = u.task AND b.dimension = u.dimension
LEFT JOIN per_bin p ON p.run = u.run AND (p.fold IS NOT DISTINCT FROM u.fold) AND p.seed = u.seed
  AND p.dimension = u.dimension AND p.position = b.position
LEFT JOIN affect_labelled v ON v.run = u.run AND v.dimension = u.dimension AND v.position = b.position
  AND u.task = 'valence_arousal'
LEFT JOIN activity_labelled a ON a.run = u.run AND (a.fold IS NOT DISTINCT FROM u.fold) AND a.seed = u.seed
  AND a.dimension = u.dimension AND a.position = b.position
