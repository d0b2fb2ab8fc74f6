-- The task's primary metric of every method on every split: the distance between train and test shows overfitting.
SELECT s.run, s.method, s.metric,
       max(s.mean) FILTER (WHERE s.split = 'train') AS train, max(s.sd) FILTER (WHERE s.split = 'train') AS train_sd,
       max(s.mean) FILTER (WHERE s.split = 'val') AS val, max(s.sd) FILTER (WHERE s.split = 'val') AS val_sd,
       max(s.mean) FILTER (WHERE s.split = 'test') AS test, max(s.sd) FILTER (WHERE s.split = 'test') AS test_sd
FROM scores s
JOIN primary_metrics p ON p.run = s.run AND p.metric = s.metric
GROUP BY s.run, s.method, s.metric
ORDER BY s.run, CASE s.method WHEN 'aura' THEN 0 WHEN 'aura_mixture' THEN 1 WHEN 'aura_tuned' THEN 2 ELSE 3 END, s.method
