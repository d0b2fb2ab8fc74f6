-- The task's primary metric of every method on every split: the distance between train and test shows overfitting.
WITH primary_metric AS (
  SELECT run, CAST(array_length(seeds) AS BIGINT) AS wanted,
         CASE task WHEN 'expression' THEN 'acc' WHEN 'valence_arousal' THEN 'ccc_va' ELSE 'f1_avg' END AS metric
  FROM runs
),
summary AS (
  SELECT m.run, m.method, m.metric, m.split,
         CASE WHEN count(m.value) = max(p.wanted) THEN avg(m.value) END AS mean,
         CASE WHEN count(m.value) = max(p.wanted) THEN stddev_samp(m.value) END AS sd
  FROM seed_metrics m JOIN primary_metric p ON m.run = p.run AND m.metric = p.metric
  WHERE m.epoch IS NULL
  GROUP BY m.run, m.method, m.metric, m.split
)
SELECT run, method, metric,
       max(mean) FILTER (WHERE split = 'train') AS train, max(sd) FILTER (WHERE split = 'train') AS train_sd,
       max(mean) FILTER (WHERE split = 'val') AS val, max(sd) FILTER (WHERE split = 'val') AS val_sd,
       max(mean) FILTER (WHERE split = 'test') AS test, max(sd) FILTER (WHERE split = 'test') AS test_sd
FROM summary
GROUP BY run, method, metric
ORDER BY run, CASE method WHEN 'aura' THEN 0 WHEN 'aura_mixture' THEN 1 ELSE 2 END, method
