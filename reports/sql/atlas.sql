-- One row for each sample of one model, for programs that show embeddings and datasets: what is known and predicted of it, its
-- primal archetype, whether its label is among those to look at again (over all seeds), and its places on the maps. Samples are
-- those of the map; of a model without map all that it predicted.
WITH mapped AS (
  SELECT run, sample_id, max(x) FILTER (WHERE space = 'aura') AS x, max(y) FILTER (WHERE space = 'aura') AS y,
         max(x) FILTER (WHERE space = 'encoder') AS x_encoder, max(y) FILTER (WHERE space = 'encoder') AS y_encoder
  FROM maps
  WHERE sample_id IS NOT NULL AND seed = $seed AND (fold IS NOT DISTINCT FROM CAST($fold AS INT))
  GROUP BY run, sample_id
),
with_map AS (
  SELECT DISTINCT run FROM mapped
),
suspected AS (
  SELECT DISTINCT run, sample_id FROM label_review
)
SELECT p.run, p.fold, p.seed, r.stand_in, p.sample_id, p.split, s.subject, k.class_name AS label, l.class_name AS prediction, p.correct,
       p.target, p.output, a.archetype, n.name AS archetype_name, a.similarity, a.second, a.margin,
       d.sample_id IS NOT NULL AS label_suspected, m.x, m.y, m.x_encoder, m.y_encoder,
       CAST($root AS VARCHAR) || '/' || s.image_path AS filepath, s.image_path, s.bbox_x, s.bbox_y, s.bbox_w, s.bbox_h
FROM predictions p
JOIN runs r ON r.run = p.run
LEFT JOIN with_map w ON w.run = p.run
LEFT JOIN mapped m ON m.run = p.run AND m.sample_id = p.sample_id
LEFT JOIN samples s ON s.run = p.run AND s.sample_id = p.sample_id
LEFT JOIN assignments a
  ON a.run = p.run AND a.seed = p.seed AND (a.fold IS NOT DISTINCT FROM p.fold) AND a.split = p.split AND a.sample_id = p.sample_id
LEFT JOIN archetype_names n
  ON n.run = a.run AND n.seed = a.seed AND (n.fold IS NOT DISTINCT FROM a.fold) AND n.archetype = a.archetype
LEFT JOIN suspected d ON d.run = p.run AND d.sample_id = p.sample_id
LEFT JOIN classes k ON k.run = p.run AND k.class = p.label
LEFT JOIN classes l ON l.run = p.run AND l.class = p.prediction
WHERE p.method = 'aura' AND p.seed = $seed AND (p.fold IS NOT DISTINCT FROM CAST($fold AS INT))
  AND NOT starts_with(p.split, 'test@') AND (w.run IS NULL OR m.sample_id IS NOT NULL)
ORDER BY p.run, p.split, p.sample_id
