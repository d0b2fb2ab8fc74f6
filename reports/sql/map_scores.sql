-- The archetypes of the first seed on their map, with their arousal and their valence, as in the paper's Figure 2. Clusters
-- are ranges of the score: a range holds its lower end, the last one also its upper.
WITH edges AS (
  SELECT 'arousal' AS dimension, CAST(unnest(string_to_array($arousal_clusters, ',')) AS DOUBLE) AS edge
  UNION ALL
  SELECT 'valence', CAST(unnest(string_to_array($valence_clusters, ',')) AS DOUBLE)
),
bins AS (
  SELECT dimension, low, high, low = max(low) OVER (PARTITION BY dimension) AS last
  FROM (SELECT dimension, edge AS low, lead(edge) OVER (PARTITION BY dimension ORDER BY edge) AS high FROM edges)
  WHERE high IS NOT NULL
),
first_seed AS (
  SELECT run, min(fold) AS fold, min(seed) AS seed FROM archetypes GROUP BY run
),
placed AS (
  SELECT m.run, m.archetype, m.x, m.y, a.uses, k.class_name AS dimension,
         CAST(array_element(a.value, CAST(k.class + 1 AS BIGINT)) AS DOUBLE) AS value
  FROM maps m
  JOIN first_seed f ON m.run = f.run AND (m.fold IS NOT DISTINCT FROM f.fold) AND m.seed = f.seed
  JOIN runs r ON m.run = r.run AND r.task = 'valence_arousal'
  JOIN archetypes a
    ON m.run = a.run AND (m.fold IS NOT DISTINCT FROM a.fold) AND m.seed = a.seed AND m.archetype = a.archetype
  JOIN classes k ON m.run = k.run
  WHERE m.space = 'archetypes'
)
SELECT p.run, CASE p.dimension WHEN 'arousal' THEN 0 ELSE 1 END AS panel, p.dimension AS title, p.archetype, p.x, p.y,
       p.uses, p.value, -1.0 AS scale_low, 1.0 AS scale_high, b.low, b.high
FROM placed p
LEFT JOIN bins b
  ON p.dimension = b.dimension AND p.value >= b.low AND (p.value < b.high OR (b.last AND p.value <= b.high))
ORDER BY p.run, panel, p.archetype
