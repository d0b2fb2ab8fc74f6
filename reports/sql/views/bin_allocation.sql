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
  SELECT s.run, s.fold, s.seed, s.dimension, b.position, count(*) AS assigned, min(s.uses) AS uses_min,
         max(s.uses) AS uses_max, sum(s.uses) AS matched
  FROM scored s
  JOIN bins b ON b.task = s.task AND b.dimension = s.dimension
  WHERE s.score >= CAST(b.low AS REAL) AND (s.score < CAST(b.high AS REAL) OR (b.last AND s.score <= CAST(b.high AS REAL)))
  GROUP BY s.run, s.fold, s.seed, s.dimension, b.position
),
affect AS (
  SELECT run, 'valence' AS dimension, CAST(valence AS REAL) AS score FROM samples WHERE split = 'train' AND valence IS NOT NULL
  UNION ALL
  SELECT run, 'arousal', CAST(arousal AS REAL) FROM samples WHERE split = 'train' AND arousal IS NOT NULL
),
affect_labelled AS (
  SELECT l.run, l.dimension, b.position, count(*) AS samples
  FROM affect l
  JOIN bins b ON b.task = 'valence_arousal' AND b.dimension = l.dimension
  WHERE l.score >= CAST(b.low AS REAL) AND (l.score < CAST(b.high AS REAL) OR (b.last AND l.score <= CAST(b.high AS REAL)))
  GROUP BY l.run, l.dimension, b.position
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
  SELECT l.run, l.fold, l.seed, l.dimension, b.position, count(*) AS samples
  FROM activity l
  JOIN bins b ON b.task = 'action_units' AND b.dimension = l.dimension
  WHERE l.score >= CAST(b.low AS REAL) AND (l.score < CAST(b.high AS REAL) OR (b.last AND l.score <= CAST(b.high AS REAL)))
  GROUP BY l.run, l.fold, l.seed, l.dimension, b.position
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
