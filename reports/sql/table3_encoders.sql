-- The paper's Table 3: AURA on frozen features against fine-tuning of the same encoder, on the test split.
-- gain: AURA minus the fine-tuned encoder of the same run, taken seed by seed. Only where runs differ in the encoder or
-- hold a fine-tuned one.
WITH wanted AS (
  SELECT run, dataset, encoder, CAST(array_length(seeds) AS BIGINT) AS seeds,
         CASE task WHEN 'expression' THEN 'acc' WHEN 'valence_arousal' THEN 'ccc_va' ELSE 'f1_avg' END AS metric
  FROM runs
),
final AS (
  SELECT m.run, m.seed, m.method, m.value
  FROM seed_metrics m JOIN wanted w ON m.run = w.run AND m.metric = w.metric
  WHERE m.epoch IS NULL AND m.split = 'test' AND m.method IN ('aura', 'finetune')
),
summary AS (
  SELECT f.run, f.method, CASE WHEN count(*) = max(w.seeds) THEN avg(f.value) END AS mean,
         CASE WHEN count(*) = max(w.seeds) THEN stddev_samp(f.value) END AS sd
  FROM final f JOIN wanted w ON f.run = w.run
  GROUP BY f.run, f.method
),
gains AS (
  SELECT a.run, avg(a.value - o.value) AS gain
  FROM final a
  JOIN final o ON o.run = a.run AND o.seed = a.seed AND o.method = 'finetune'
  JOIN wanted w ON w.run = a.run
  WHERE a.method = 'aura'
  GROUP BY a.run
  HAVING count(*) = max(w.seeds)
)
SELECT s.run, w.dataset, w.metric, w.encoder, s.method, s.mean AS value, s.sd AS value_sd,
       CASE WHEN s.method = 'aura' THEN g.gain END AS gain
FROM summary s
JOIN wanted w ON w.run = s.run
LEFT JOIN gains g ON g.run = s.run
WHERE (SELECT count(DISTINCT encoder) FROM wanted) > 1 OR (SELECT count(*) FROM gains) > 0
ORDER BY w.dataset, w.encoder, s.run, s.method DESC
