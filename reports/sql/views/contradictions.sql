-- Samples whose label contradicts the class of their archetype, seed by seed. doubt: how much more of the archetype's value
-- lies on its own class than on the label. margin: the similarity with the archetype less that with the nearest archetype of
-- the label's class; where none of these is among the listed archetypes, the last of the list stands for it.
WITH contradicted AS (
  SELECT a.run, a.fold, a.seed, a.sample_id, s.split, s.expression_name AS label, a.archetype, t.label_name AS archetype_class,
         array_element(t.value, CAST(t.label + 1 AS BIGINT)) - array_element(t.value, CAST(k.class + 1 AS BIGINT)) AS doubt,
         a.similarity, a.top_archetypes, a.top_similarities,
         array_element(a.top_similarities, CAST(array_length(a.top_similarities) AS BIGINT)) AS last
  FROM assignments a
  JOIN archetypes t ON t.run = a.run AND t.seed = a.seed AND (t.fold IS NOT DISTINCT FROM a.fold) AND t.archetype = a.archetype
  JOIN samples s ON s.run = a.run AND s.sample_id = a.sample_id
  JOIN classes k ON k.run = a.run AND k.class_name = s.expression_name
  WHERE s.expression_name <> t.label_name
),
listed AS (
  SELECT run, fold, seed, sample_id, label, unnest(top_archetypes) AS archetype, unnest(top_similarities) AS similarity
  FROM contradicted
),
rival AS (
  SELECT l.run, l.fold, l.seed, l.sample_id, max(l.similarity) AS similarity
  FROM listed l
  JOIN archetypes t
    ON t.run = l.run AND t.seed = l.seed AND (t.fold IS NOT DISTINCT FROM l.fold) AND t.archetype = l.archetype
       AND t.label_name = l.label
  GROUP BY l.run, l.fold, l.seed, l.sample_id
)
SELECT c.run, c.fold, c.seed, c.sample_id, c.split, c.label, c.archetype, c.archetype_class, c.doubt, c.similarity,
       c.similarity - coalesce(r.similarity, c.last) AS margin
FROM contradicted c
LEFT JOIN rival r ON r.run = c.run AND r.seed = c.seed AND (r.fold IS NOT DISTINCT FROM c.fold) AND r.sample_id = c.sample_id
