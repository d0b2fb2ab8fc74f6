-- Valence and arousal that the outputs contradict (view `label_doubts_va`), one row a sample and dimension over all seeds: those
-- whose z is beyond 2 on average. votes: seeds (with folds, of those folds
-- in which the sample is in this split) that doubt the label, each by z beyond 3.5; seeds: how many these are. On stand-ins, drawn is what the face
-- was drawn to show, and flipped tells whether its labels were exchanged on purpose.
SELECT d.run, d.sample_id, d.split, d.dimension, d.label, avg(d.output) AS output,
       count(*) FILTER (WHERE d.doubted) AS votes, count(*) AS seeds, avg(d.quality) AS quality, avg(d.z) AS z,
       CAST(max(CASE d.dimension WHEN 'valence' THEN t.valence WHEN 'arousal' THEN t.arousal END) AS DOUBLE) AS drawn,
       bool_or(t.flipped) AS flipped
FROM label_doubts_va d
LEFT JOIN truth t ON t.run = d.run AND t.sample_id = d.sample_id
GROUP BY d.run, d.sample_id, d.split, d.dimension, d.label
HAVING abs(avg(d.z)) > 2
