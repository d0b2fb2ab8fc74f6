-- Archetypes on their map, once for each dimension or action unit, with their value of it.
SELECT m.run, r.task, m.archetype, m.x, m.y, a.uses, k.class, k.class_name AS dimension,
       CAST(array_element(a.value, CAST(k.class + 1 AS BIGINT)) AS DOUBLE) AS value
FROM maps m
JOIN first_seeds f ON f.run = m.run AND f.seed = m.seed AND (f.fold IS NOT DISTINCT FROM m.fold)
JOIN runs r ON r.run = m.run AND r.task <> 'expression'
JOIN archetypes a ON a.run = m.run AND a.seed = m.seed AND (a.fold IS NOT DISTINCT FROM m.fold) AND a.archetype = m.archetype
JOIN classes k ON k.run = m.run
WHERE m.space = 'archetypes'
