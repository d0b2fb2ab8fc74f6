-- Samples whose label contradicts the class of their archetype, ranked by how many seeds say so and by the margin with
-- which the archetype wins. On stand-ins, flipped tells whether the label was flipped on purpose.
WITH wanted AS (
  SELECT run, CAST(array_length(seeds) AS BIGINT) AS seeds FROM runs WHERE task = 'expression'
),
contradicted AS (
  SELECT a.run, a.seed, a.sample_id, s.split, s.expression_name AS label, t.label_name AS archetype_class,
         a.similarity, a.margin
  FROM assignments a
  JOIN archetypes t ON a.run = t.run AND a.seed = t.seed AND a.archetype = t.archetype
  JOIN samples s ON a.run = s.run AND a.sample_id = s.sample_id
  WHERE s.expression IS NOT NULL AND t.label IS NOT NULL AND CAST(s.expression AS INT) <> t.label
)
SELECT c.run, c.sample_id, c.split, c.label, c.archetype_class, count(*) AS votes, max(w.seeds) AS seeds,
       avg(c.similarity) AS similarity, avg(c.margin) AS margin, bool_or(t.flipped) AS flipped
FROM contradicted c
JOIN wanted w ON c.run = w.run
LEFT JOIN truth t ON c.run = t.run AND c.sample_id = t.sample_id
GROUP BY c.run, c.sample_id, c.split, c.label, c.archetype_class
ORDER BY c.run, votes DESC, margin DESC NULLS LAST, c.sample_id
