-- The action-unit block of the paper's Table 1: archetypes by bins of their own activation, for chosen action units.
-- Counted on the training split, after pruning, by hard assignment. A bin holds its lower end and not its upper one, the
-- last bin holds both. samples: training samples by their binary label, which is 0 or 1 and falls into the outer bins.
WITH edges AS (
  SELECT CAST(unnest(string_to_array($au_bins, ',')) AS DOUBLE) AS edge
),
bins AS (
  SELECT position, low, high, position = max(position) OVER () AS last
  FROM (SELECT row_number() OVER (ORDER BY edge) AS position, edge AS low, lead(edge) OVER (ORDER BY edge) AS high FROM edges)
  WHERE high IS NOT NULL
),
chosen AS (
  SELECT k.run, k.class, k.class_name AS dimension
  FROM classes k JOIN runs r ON k.run = r.run
  WHERE r.task = 'action_units' AND array_has(string_to_array($aus, ','), k.class_name)
),
counted AS (
  SELECT run, fold, seed, archetype, count(*) AS uses
  FROM assignments WHERE split = 'train' GROUP BY run, fold, seed, archetype
),
placed AS (
  SELECT a.run, a.fold, a.seed, d.dimension, CAST(array_element(a.value, CAST(d.class + 1 AS BIGINT)) AS DOUBLE) AS score,
         coalesce(c.uses, 0) AS uses
  FROM archetypes a
  JOIN chosen d ON a.run = d.run
  LEFT JOIN counted c ON a.run = c.run AND (a.fold IS NOT DISTINCT FROM c.fold) AND a.seed = c.seed AND a.archetype = c.archetype
  WHERE a.active
),
per_bin AS (
  SELECT p.run, p.fold, p.seed, p.dimension, b.position, count(*) AS assigned, min(p.uses) AS uses_min, max(p.uses) AS uses_max,
         sum(p.uses) AS matched
  FROM placed p JOIN bins b ON p.score >= b.low AND (p.score < b.high OR (b.last AND p.score <= b.high))
  GROUP BY p.run, p.fold, p.seed, p.dimension, b.position
),
labels AS (
  SELECT p.run, p.fold, p.seed, c.dimension, CAST(array_element(p.target, CAST(c.class + 1 AS BIGINT)) AS DOUBLE) AS score
  FROM predictions p JOIN chosen c ON p.run = c.run
  WHERE p.split = 'train' AND p.method = 'aura'
),
labelled AS (
  SELECT l.run, l.fold, l.seed, l.dimension, b.position, count(*) AS samples
  FROM labels l JOIN bins b ON l.score >= b.low AND (l.score < b.high OR (b.last AND l.score <= b.high))
  GROUP BY l.run, l.fold, l.seed, l.dimension, b.position
),
seeds AS (
  SELECT DISTINCT run, fold, seed FROM placed
)
SELECT s.run, s.fold, s.seed, d.dimension, b.low, b.high, coalesce(p.assigned, 0) AS assigned, p.uses_min, p.uses_max,
       coalesce(p.matched, 0) AS matched, l.samples
FROM seeds s
JOIN chosen d ON d.run = s.run
CROSS JOIN bins b
LEFT JOIN per_bin p ON p.run = s.run AND (p.fold IS NOT DISTINCT FROM s.fold) AND p.seed = s.seed
  AND p.dimension = d.dimension AND p.position = b.position
LEFT JOIN labelled l ON l.run = s.run AND (l.fold IS NOT DISTINCT FROM s.fold) AND l.seed = s.seed
  AND l.dimension = d.dimension AND l.position = b.position
ORDER BY s.run, s.fold, s.seed, d.dimension, b.low
