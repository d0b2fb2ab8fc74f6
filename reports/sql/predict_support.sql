-- The support of every kept archetype of one model: of the training samples matched with it, those most similar to it.
WITH support AS (
  SELECT run, archetype, sample_id, similarity,
         row_number() OVER (PARTITION BY run, archetype ORDER BY similarity DESC, sample_id) AS place
  FROM assignments
  WHERE seed = $seed AND (fold IS NOT DISTINCT FROM CAST($fold AS INT)) AND split = 'train'
)
SELECT p.run, p.archetype, p.place, p.sample_id, p.similarity, a.uses, s.expression_name AS label,
       s.expression_name <> a.label_name AS contradicts, s.image_path, s.bbox_x, s.bbox_y, s.bbox_w, s.bbox_h
FROM support p
JOIN archetypes a
  ON a.run = p.run AND a.archetype = p.archetype AND a.seed = $seed AND (a.fold IS NOT DISTINCT FROM CAST($fold AS INT))
LEFT JOIN samples s ON s.run = p.run AND s.sample_id = p.sample_id
WHERE p.place <= $images
ORDER BY p.run, p.archetype, p.place
