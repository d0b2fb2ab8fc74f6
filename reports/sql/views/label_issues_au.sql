-- Labels of action units that confident learning doubts (view `label_doubts_au`), one row a sample and unit over all seeds:
-- votes: seeds that doubt it, of `seeds` (with folds, of those folds in which the sample is in this split); output, quality and sample_quality: means over all seeds. On stand-ins, flipped tells whether one
-- of the sample's labels was changed on purpose.
SELECT d.run, d.sample_id, d.split, d.unit, d.label, avg(d.output) AS output, count(*) FILTER (WHERE d.doubted) AS votes,
       count(*) AS seeds, avg(d.quality) AS quality, avg(d.sample_quality) AS sample_quality,
       bool_or(t.flipped) AS flipped
FROM label_doubts_au d
LEFT JOIN truth t ON t.run = d.run AND t.sample_id = d.sample_id
GROUP BY d.run, d.sample_id, d.split, d.unit, d.label
HAVING bool_or(d.doubted)
