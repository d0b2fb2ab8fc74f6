-- Labels that confident learning doubts (view `label_doubts`): how many seeds agree, and the mean margin of these; samples
-- are ranked by both, the least margin first.
SELECT d.run, d.sample_id, d.split, s.expression_name AS label, k.class_name AS prediction, count(*) AS votes,
       max(p.seeds * p.folds) AS seeds, avg(d.margin) AS margin, bool_or(t.flipped) AS flipped
FROM label_doubts d
JOIN primary_metrics p ON p.run = d.run
JOIN samples s ON s.run = d.run AND s.sample_id = d.sample_id
JOIN classes k ON k.run = d.run AND k.class = d.prediction
LEFT JOIN truth t ON t.run = d.run AND t.sample_id = d.sample_id
WHERE d.doubted
GROUP BY d.run, d.sample_id, d.split, s.expression_name, k.class_name
ORDER BY d.run, votes DESC, margin, d.sample_id
