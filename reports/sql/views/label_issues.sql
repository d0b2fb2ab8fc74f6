-- Samples whose label contradicts the class of their archetype (view `contradictions`): how many seeds agree, the doubt
-- averaged over all seeds (0 where a seed does not contradict the label), and mean similarity and margin of those that do.
-- On stand-ins, flipped tells whether the label was changed on purpose.
SELECT c.run, c.sample_id, c.split, c.label, c.archetype_class, count(*) AS votes, max(p.seeds * p.folds) AS seeds,
       sum(c.doubt) / max(p.seeds * p.folds) AS doubt, avg(c.similarity) AS similarity, avg(c.margin) AS margin,
       bool_or(t.flipped) AS flipped
FROM contradictions c
JOIN primary_metrics p ON p.run = c.run AND p.task = 'expression'
LEFT JOIN truth t ON t.run = c.run AND t.sample_id = c.sample_id
GROUP BY c.run, c.sample_id, c.split, c.label, c.archetype_class
