-- The most used archetypes of each run's first seed (in its first fold) with their nearest training samples. An archetype is named by its
-- class, by its valence and arousal, or by the action units that it holds active.
WITH first_seed AS (
  SELECT run, min(fold) AS fold, min(seed) AS seed FROM archetypes GROUP BY run
),
active_units AS (
  SELECT a.run, a.fold, a.seed, a.archetype, string_agg(k.class_name, ' ' ORDER BY k.class) AS units
  FROM archetypes a
  JOIN runs r ON a.run = r.run AND r.task = 'action_units'
  JOIN classes k ON a.run = k.run
  WHERE array_element(a.value, CAST(k.class + 1 AS BIGINT)) >= 0.5
  GROUP BY a.run, a.fold, a.seed, a.archetype
),
scores AS (
  SELECT a.run, a.fold, a.seed, a.archetype,
         string_agg(upper(substr(k.class_name, 1, 1)) || ' '
                    || CAST(round(CAST(array_element(a.value, CAST(k.class + 1 AS BIGINT)) AS DOUBLE), 2) AS VARCHAR),
                    ', ' ORDER BY k.class) AS scores
  FROM archetypes a
  JOIN runs r ON a.run = r.run AND r.task = 'valence_arousal'
  JOIN classes k ON a.run = k.run
  GROUP BY a.run, a.fold, a.seed, a.archetype
),
ranked AS (
  SELECT a.run, a.seed, a.archetype, a.label,
         CASE r.task
           WHEN 'valence_arousal' THEN sc.scores
           WHEN 'action_units' THEN coalesce(u.units, 'no action unit')
           ELSE a.label_name
         END AS label_name, a.uses, a.nearest, a.nearest_similarity,
         row_number() OVER (PARTITION BY a.run ORDER BY a.uses DESC, a.archetype) AS rank
  FROM archetypes a
  JOIN first_seed f ON a.run = f.run AND (a.fold IS NOT DISTINCT FROM f.fold) AND a.seed = f.seed
  JOIN runs r ON a.run = r.run
  LEFT JOIN scores sc ON a.run = sc.run AND (a.fold IS NOT DISTINCT FROM sc.fold) AND a.seed = sc.seed AND a.archetype = sc.archetype
  LEFT JOIN active_units u ON a.run = u.run AND (a.fold IS NOT DISTINCT FROM u.fold) AND a.seed = u.seed AND a.archetype = u.archetype
  WHERE a.active AND a.uses > 0
),
flat AS (
  SELECT run, seed, archetype, label, label_name, uses, rank,
         unnest(nearest) AS sample_id, unnest(nearest_similarity) AS similarity,
         unnest(range(1, CAST(array_length(nearest) AS BIGINT) + 1)) AS place
  FROM ranked WHERE rank <= $archetypes
)
SELECT f.run, f.seed, f.rank, f.archetype, f.label, f.label_name, f.uses, f.place, f.sample_id, f.similarity,
       s.image_path, s.bbox_x, s.bbox_y, s.bbox_w, s.bbox_h, s.expression_name,
       f.label IS NOT NULL AND s.expression_name <> f.label_name AS contradicts
FROM flat f
LEFT JOIN samples s ON f.run = s.run AND f.sample_id = s.sample_id
WHERE f.place <= $images
ORDER BY f.run, f.rank, f.place
