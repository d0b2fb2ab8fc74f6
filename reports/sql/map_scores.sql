-- The archetypes of the first seed on their map, with their arousal and their valence, as in the paper's Figure 2. Clusters
-- are ranges of the score: a range holds its lower end, the last one also its upper.
WITH edges AS (
  SELECT 'arousal' AS dimension, CAST(unnest(string_to_array($arousal_clusters, ',')) AS DOUBLE) AS edge
  UNION ALL
  SELECT 'valence', CAST(unnest(string_to_array($valence_clusters, ',')) AS DOUBLE)
),
ranges AS (
  SELECT dimension, low, high, low = max(low) OVER (PARTITION BY dimension) AS last
  FROM (SELECT dimension, edge AS low, lead(edge) OVER (PARTITION BY dimension ORDER BY edge) AS high FROM edges)
  WHERE high IS NOT NULL
)
SELECT p.run, CASE p.dimension WHEN 'arousal' THEN 0 ELSE 1 END AS panel, p.dimension AS title, p.archetype, p.x, p.y,
       p.uses, p.value, -1.0 AS scale_low, 1.0 AS scale_high, b.low, b.high
FROM mapped_archetypes p
LEFT JOIN ranges b
  ON b.dimension = p.dimension AND p.value >= b.low AND (p.value < b.high OR (b.last AND p.value <= b.high))
WHERE p.task = 'valence_arousal'
ORDER BY p.run, panel, p.archetype
