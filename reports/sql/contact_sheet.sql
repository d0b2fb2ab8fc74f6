-- The most used archetypes of each run's first seed with their nearest training samples.
WITH first_seed AS (
  SELECT run, min(seed) AS seed FROM archetypes GROUP BY run
),
ranked AS (
  SELECT a.run, a.seed, a.archetype, a.label, a.label_name, a.uses, a.nearest, a.nearest_similarity,
         row_number() OVER (PARTITION BY a.run ORDER BY a.uses DESC, a.archetype) AS rank
  FROM archetypes a JOIN first_seed f ON a.run = f.run AND a.seed = f.seed
  WHERE a.active AND a.uses > 0
),
flat AS (
  SELECT run, seed, archetype, label, label_name, uses, rank,
         unnest(nearest) AS sample_id, unnest(nearest_similarity) AS similarity,
         unnest(range(1, CAST(array_length(nearest) AS BIGINT) + 1)) AS place
  FROM ranked WHERE rank <= $archetypes
)
SELECT f.run, f.seed, f.rank, f.archetype, f.label, f.label_name, f.uses, f.place, f.sample_id, f.similarity,
       s.image_path, s.expression_name, CAST(s.expression AS INT) AS expression
FROM flat f
LEFT JOIN samples s ON f.run = s.run AND f.sample_id = s.sample_id
WHERE f.place <= $images
ORDER BY f.run, f.rank, f.place
