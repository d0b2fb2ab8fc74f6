-- What a kept archetype is called: by its class and its place by use within it (`happiness P1` is the most used one), by its
-- valence and arousal, or by the action units that it holds active.
WITH valued AS (
  SELECT a.run, a.fold, a.seed, a.archetype, r.task, k.class, k.class_name,
         CAST(array_element(a.value, CAST(k.class + 1 AS BIGINT)) AS DOUBLE) AS value
  FROM archetypes a
  JOIN runs r ON r.run = a.run AND r.task <> 'expression'
  JOIN classes k ON k.run = a.run
),
spelled AS (
  SELECT run, fold, seed, archetype,
         string_agg(upper(substr(class_name, 1, 1)) || ' ' || CAST(round(value, 2) AS VARCHAR), ', ' ORDER BY class)
           FILTER (WHERE task = 'valence_arousal') AS scores,
         string_agg(class_name, ' ' ORDER BY class) FILTER (WHERE task = 'action_units' AND value >= 0.5) AS units
  FROM valued GROUP BY run, fold, seed, archetype
)
SELECT a.run, a.fold, a.seed, a.archetype, a.label, a.label_name, a.uses,
       CASE r.task
         WHEN 'valence_arousal' THEN s.scores
         WHEN 'action_units' THEN coalesce(s.units, 'no action unit')
         ELSE a.label_name || ' P'
              || CAST(row_number() OVER (PARTITION BY a.run, a.fold, a.seed, a.label ORDER BY a.uses DESC, a.archetype) AS VARCHAR)
       END AS name
FROM archetypes a
JOIN runs r ON r.run = a.run
LEFT JOIN spelled s ON s.run = a.run AND (s.fold IS NOT DISTINCT FROM a.fold) AND s.seed = a.seed AND s.archetype = a.archetype
WHERE a.active
