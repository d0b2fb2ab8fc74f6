-- The archetypes nearest to one sample, nearest first, each with its name, its use, its value, and its support: of the
-- training samples matched with it, those most similar to it. Archetypes of a class are numbered by use: the most used one
-- is P1.
WITH listed AS (
  SELECT run, seed, unnest(top_archetypes) AS archetype, unnest(top_similarities) AS similarity,
         unnest(range(1, CAST(array_length(top_archetypes) AS BIGINT) + 1)) AS rank
  FROM assignments
  WHERE sample_id = $sample AND seed = $seed AND split = $split AND (fold IS NOT DISTINCT FROM CAST($fold AS INT))
),
active_units AS (
  SELECT a.run, a.archetype, string_agg(k.class_name, ' ' ORDER BY k.class) AS units
  FROM archetypes a
  JOIN runs r ON a.run = r.run AND r.task = 'action_units'
  JOIN classes k ON a.run = k.run
  WHERE a.seed = $seed AND (a.fold IS NOT DISTINCT FROM CAST($fold AS INT)) AND array_element(a.value, CAST(k.class + 1 AS BIGINT)) >= 0.5
  GROUP BY a.run, a.archetype
),
scores AS (
  SELECT a.run, a.archetype,
         string_agg(upper(substr(k.class_name, 1, 1)) || ' '
                    || CAST(round(CAST(array_element(a.value, CAST(k.class + 1 AS BIGINT)) AS DOUBLE), 2) AS VARCHAR),
                    ', ' ORDER BY k.class) AS scores
  FROM archetypes a
  JOIN runs r ON a.run = r.run AND r.task = 'valence_arousal'
  JOIN classes k ON a.run = k.run
  WHERE a.seed = $seed AND (a.fold IS NOT DISTINCT FROM CAST($fold AS INT))
  GROUP BY a.run, a.archetype
),
named AS (
  SELECT a.run, a.archetype, a.uses, a.value,
         CASE r.task
           WHEN 'valence_arousal' THEN c.scores
           WHEN 'action_units' THEN coalesce(u.units, 'no action unit')
           ELSE a.label_name || ' P'
                || CAST(row_number() OVER (PARTITION BY a.run, a.label ORDER BY a.uses DESC, a.archetype) AS VARCHAR)
         END AS name
  FROM archetypes a
  JOIN runs r ON a.run = r.run
  LEFT JOIN scores c ON a.run = c.run AND a.archetype = c.archetype
  LEFT JOIN active_units u ON a.run = u.run AND a.archetype = u.archetype
  WHERE a.seed = $seed AND (a.fold IS NOT DISTINCT FROM CAST($fold AS INT)) AND a.active
),
support AS (
  SELECT run, archetype, sample_id, similarity,
         row_number() OVER (PARTITION BY run, archetype ORDER BY similarity DESC, sample_id) AS place
  FROM assignments
  WHERE seed = $seed AND (fold IS NOT DISTINCT FROM CAST($fold AS INT)) AND split = 'train' AND sample_id <> $sample
)
SELECT l.run, l.rank, l.archetype, n.name, n.uses, l.similarity, n.value, p.place, p.sample_id,
       p.similarity AS support_similarity, s.image_path, s.bbox_x, s.bbox_y, s.bbox_w, s.bbox_h,
       s.expression_name AS label
FROM listed l
JOIN named n ON l.run = n.run AND l.archetype = n.archetype
LEFT JOIN support p ON l.run = p.run AND l.archetype = p.archetype AND p.place <= $images
LEFT JOIN samples s ON p.run = s.run AND p.sample_id = s.sample_id
WHERE l.rank <= $archetypes
ORDER BY l.run, l.rank, p.place
