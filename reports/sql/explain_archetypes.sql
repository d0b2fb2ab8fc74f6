-- The archetypes nearest to one sample, nearest first, each with its name, its use, its value, and its support: of the
-- training samples matched with it, those most similar to it.
WITH listed AS (
  SELECT run, seed, fold, unnest(top_archetypes) AS archetype, unnest(top_similarities) AS similarity,
         unnest(range(1, CAST(array_length(top_archetypes) AS BIGINT) + 1)) AS rank
  FROM assignments
  WHERE sample_id = $sample AND seed = $seed AND split = $split AND (fold IS NOT DISTINCT FROM CAST($fold AS INT))
),
support AS (
  SELECT run, archetype, sample_id, similarity,
         row_number() OVER (PARTITION BY run, archetype ORDER BY similarity DESC, sample_id) AS place
  FROM assignments
  WHERE seed = $seed AND (fold IS NOT DISTINCT FROM CAST($fold AS INT)) AND split = 'train' AND sample_id <> $sample
)
SELECT l.run, l.rank, l.archetype, n.name, a.uses, l.similarity AS archetype_similarity, a.value, a.output, p.place, p.sample_id,
       p.similarity, s.expression_name AS label, s.expression_name <> a.label_name AS contradicts,
       s.image_path, s.bbox_x, s.bbox_y, s.bbox_w, s.bbox_h
FROM listed l
JOIN archetypes a ON a.run = l.run AND a.seed = l.seed AND (a.fold IS NOT DISTINCT FROM l.fold) AND a.archetype = l.archetype
JOIN archetype_names n
  ON n.run = l.run AND n.seed = l.seed AND (n.fold IS NOT DISTINCT FROM l.fold) AND n.archetype = l.archetype
LEFT JOIN support p ON p.run = l.run AND p.archetype = l.archetype AND p.place <= $images
LEFT JOIN samples s ON s.run = p.run AND s.sample_id = p.sample_id
WHERE l.rank <= $archetypes
ORDER BY l.run, l.rank, p.place
