-- Samples whose label contradicts the class of their archetype. Doubt is how much more of the archetype's value lies on its
-- own class than on the label, averaged over all seeds (0 where a seed does not contradict the label). Margin is the
-- similarity with the archetype less that with the nearest archetype of the label's class; where none of these is among the
-- listed archetypes, the last of the list stands for it. On stand-ins, flipped tells whether the label was changed on purpose.
WITH wanted AS (
  SELECT run, CAST(array_length(seeds) AS BIGINT) * greatest(coalesce(CAST(array_length(folds) AS BIGINT), 0), 1) AS seeds
  FROM runs WHERE task = 'expression'
),
contradicted AS (
  SELECT a.run, a.fold, a.seed, a.sample_id, s.split, s.expression_name AS label, t.label_name AS archetype_class, a.similarity,
         array_element(t.value, CAST(t.label + 1 AS BIGINT)) - array_element(t.value, CAST(k.class + 1 AS BIGINT)) AS doubt,
         a.top_archetypes, a.top_similarities,
         array_element(a.top_similarities, CAST(array_length(a.top_similarities) AS BIGINT)) AS last
  FROM assignments a
  JOIN archetypes t ON a.run = t.run AND a.seed = t.seed AND (a.fold IS NOT DISTINCT FROM t.fold) AND a.archetype = t.archetype
  JOIN samples s ON a.run = s.run AND a.sample_id = s.sample_id
  JOIN classes k ON a.run = k.run AND s.expression_name = k.class_name
  WHERE s.expression_name <> t.label_name
),
listed AS (
  SELECT run, fold, seed, sample_id, label, unnest(top_archetypes) AS archetype, unnest(top_similarities) AS similarity
  FROM contradicted
),
rival AS (
  SELECT l.run, l.fold, l.seed, l.sample_id, max(l.similarity) AS similarity
  FROM listed l
  JOIN archetypes t ON l.run = t.run AND l.seed = t.seed AND (l.fold IS NOT DISTINCT FROM t.fold) AND l.archetype = t.archetype AND l.label = t.label_name
  GROUP BY l.run, l.fold, l.seed, l.sample_id
)
SELECT c.run, c.sample_id, c.split, c.label, c.archetype_class, count(*) AS votes, max(w.seeds) AS seeds,
       sum(c.doubt) / max(w.seeds) AS doubt, avg(c.similarity) AS similarity,
       avg(c.similarity - coalesce(r.similarity, c.last)) AS margin, bool_or(t.flipped) AS flipped
FROM contradicted c
JOIN wanted w ON c.run = w.run
LEFT JOIN rival r ON c.run = r.run AND c.seed = r.seed AND (c.fold IS NOT DISTINCT FROM r.fold) AND c.sample_id = r.sample_id
LEFT JOIN truth t ON c.run = t.run AND c.sample_id = t.sample_id
GROUP BY c.run, c.sample_id, c.split, c.label, c.archetype_class
ORDER BY c.run, doubt DESC, margin DESC NULLS LAST, c.sample_id
