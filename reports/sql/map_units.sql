-- The archetypes of the first seed on their map, with the activation of chosen action units, as in the paper's Figure 3.
-- Levels are ranges of the activation: a range holds its lower end, the last one also its upper.
WITH edges AS (
  SELECT CAST(unnest(string_to_array($au_levels, ',')) AS DOUBLE) AS edge
),
bins AS (
  SELECT low, high, low = max(low) OVER () AS last
  FROM (SELECT edge AS low, lead(edge) OVER (ORDER BY edge) AS high FROM edges)
  WHERE high IS NOT NULL
),
wanted AS (
  SELECT unnest(string_to_array($map_units, ',')) AS unit
),
first_seed AS (
  SELECT run, min(fold) AS fold, min(seed) AS seed FROM archetypes GROUP BY run
),
placed AS (
  SELECT m.run, m.archetype, m.x, m.y, a.uses, k.class, k.class_name AS unit,
         CAST(array_element(a.value, CAST(k.class + 1 AS BIGINT)) AS DOUBLE) AS value
  FROM maps m
  JOIN first_seed f ON m.run = f.run AND (m.fold IS NOT DISTINCT FROM f.fold) AND m.seed = f.seed
  JOIN runs r ON m.run = r.run AND r.task = 'action_units'
  JOIN archetypes a
    ON m.run = a.run AND (m.fold IS NOT DISTINCT FROM a.fold) AND m.seed = a.seed AND m.archetype = a.archetype
  JOIN classes k ON m.run = k.run
  JOIN wanted w ON k.class_name = w.unit
  WHERE m.space = 'archetypes'
)
SELECT p.run, p.class AS panel, upper(substr(p.unit, 1, 2)) || CAST(CAST(substr(p.unit, 3) AS INT) AS VARCHAR) AS title,
       p.archetype, p.x, p.y, p.uses, p.value, 0.0 AS scale_low, 1.0 AS scale_high, b.low, b.high
FROM placed p
LEFT JOIN bins b ON p.value >= b.low AND (p.value < b.high OR (b.last AND p.value <= b.high))
ORDER BY p.run, panel, p.archetype
