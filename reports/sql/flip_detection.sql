-- Stand-ins only: how well contradicting archetypes find the labels that were flipped on purpose.
WITH wanted AS (
  SELECT run, CAST(array_length(seeds) AS BIGINT) AS seeds FROM runs WHERE stand_in
)
SELECT m.run, m.metric, m.split,
       CASE m.metric
         WHEN 'flip_precision' THEN 'Precision: of the samples flagged, the share that was flipped'
         WHEN 'flip_recall' THEN 'Recall: of the flipped labels, the share that was flagged'
         ELSE 'Average precision of the ranking by margin'
       END AS quantity,
       CASE WHEN count(m.value) = max(w.seeds) THEN avg(m.value) END AS mean,
       CASE WHEN count(m.value) = max(w.seeds) THEN stddev_samp(m.value) END AS sd,
       count(m.value) AS seeds
FROM seed_metrics m JOIN wanted w ON m.run = w.run
WHERE m.epoch IS NULL AND m.metric IN ('flip_precision', 'flip_recall', 'flip_ap')
GROUP BY m.run, m.metric, m.split
ORDER BY m.run, CASE m.metric WHEN 'flip_precision' THEN 0 WHEN 'flip_recall' THEN 1 ELSE 2 END, m.split DESC
