-- The archetypes of the first seed on their map, with the activation of chosen action units, as in the paper's Figure 3.
-- Levels are ranges of the activation: a range holds its lower end, the last one also its upper.
WITH edges AS (
  SELECT CAST(unnest(string_to_array($au_levels, ',')) AS DOUBLE) AS edge
),
levels AS (
  SELECT low, high, low = max(low) OVER () AS last
  FROM (SELECT edge AS low, lead(edge) OVER (ORDER BY edge) AS high FROM edges)
  WHERE high IS NOT NULL
),
wanted AS (
  SELECT unnest(string_to_array($map_units, ',')) AS unit
)
SELECT p.run, p.class AS panel,
       upper(substr(p.dimension, 1, 2)) || CAST(CAST(substr(p.dimension, 3) AS INT) AS VARCHAR) AS title,
       p.archetype, p.x, p.y, p.uses, p.value, 0.0 AS scale_low, 1.0 AS scale_high, b.low, b.high
FROM mapped_archetypes p
JOIN wanted w ON w.unit = p.dimension
LEFT JOIN levels b ON p.value >= b.low AND (p.value < b.high OR (b.last AND p.value <= b.high))
WHERE p.task = 'action_units'
ORDER BY p.run, panel, p.archetype
