-- The maps of the first seed: archetypes alone, test samples with the archetypes as AURA sees them, the same samples in the
-- encoder's features and in those of other models, with the measures of each space (see docs/metrics.md).
WITH measures AS (
  SELECT s.run, s.place,
         max(CASE WHEN s.measure = 'silhouette' THEN s.value END) AS silhouette,
         max(CASE WHEN s.measure = 'purity' THEN s.value END) AS purity,
         max(CASE WHEN s.measure = 'trustworthiness' THEN s.value END) AS trustworthiness
  FROM separability s
  JOIN first_seeds f ON f.run = s.run AND f.seed = s.seed AND (f.fold IS NOT DISTINCT FROM s.fold)
  GROUP BY s.run, s.place
)
SELECT m.run, m.place, m.space,
       CASE m.space WHEN 'archetypes' THEN 'Archetypes' WHEN 'aura' THEN 'AURA: samples and archetypes'
                    WHEN 'encoder' THEN 'Encoder: ' || r.encoder ELSE m.space END AS title,
       m.sample_id, m.archetype, m.x, m.y, coalesce(a.uses, 0) AS uses, k.class, k.class_name,
       n.silhouette, n.purity, n.trustworthiness
FROM maps m
JOIN first_seeds f ON f.run = m.run AND f.seed = m.seed AND (f.fold IS NOT DISTINCT FROM m.fold)
JOIN runs r ON m.run = r.run
LEFT JOIN measures n ON m.run = n.run AND m.place = n.place
LEFT JOIN samples s ON m.run = s.run AND m.sample_id = s.sample_id
LEFT JOIN archetypes a ON m.run = a.run AND (m.fold IS NOT DISTINCT FROM a.fold) AND m.seed = a.seed AND m.archetype = a.archetype
LEFT JOIN classes k ON m.run = k.run AND k.class_name = coalesce(a.label_name, s.expression_name)
ORDER BY m.run, m.place, m.archetype NULLS FIRST, m.sample_id
