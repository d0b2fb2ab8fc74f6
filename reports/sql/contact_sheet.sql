-- The most used archetypes of each run's first seed (in its first fold) with their nearest training samples.
WITH ranked AS (
  SELECT a.run, a.seed, a.archetype, a.label_name, n.name, a.uses, a.nearest, a.nearest_similarity,
         row_number() OVER (PARTITION BY a.run ORDER BY a.uses DESC, a.archetype) AS rank
  FROM archetypes a
  JOIN first_seeds f ON f.run = a.run AND f.seed = a.seed AND (f.fold IS NOT DISTINCT FROM a.fold)
  JOIN archetype_names n
    ON n.run = a.run AND n.seed = a.seed AND (n.fold IS NOT DISTINCT FROM a.fold) AND n.archetype = a.archetype
  WHERE a.uses > 0
),
flat AS (
  SELECT run, seed, archetype, label_name, name, uses, rank,
         unnest(nearest) AS sample_id, unnest(nearest_similarity) AS similarity,
         unnest(range(1, CAST(array_length(nearest) AS BIGINT) + 1)) AS place
  FROM ranked WHERE rank <= $archetypes
)
SELECT f.run, f.seed, f.rank, f.archetype, f.name, f.uses, f.place, f.sample_id, f.similarity, s.expression_name AS label,
       s.expression_name <> f.label_name AS contradicts, s.image_path, s.bbox_x, s.bbox_y, s.bbox_w, s.bbox_h
FROM flat f
LEFT JOIN samples s ON s.run = f.run AND s.sample_id = f.sample_id
WHERE f.place <= $images
ORDER BY f.run, f.rank, f.place
