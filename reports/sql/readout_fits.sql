-- How each method's outputs were fitted to the task before they were judged (recipe keys `readout_fit`), over the seeds of a
-- run: metrics `fit_<what>_<output>` of split `all`. Folds are averaged first (view `scores`).
WITH fits AS (
  SELECT run, method, mean, sd, split_part(metric, '_', 2) AS what,
         substr(metric, length('fit_' || split_part(metric, '_', 2)) + 2) AS key
  FROM scores
  WHERE split = 'all' AND starts_with(metric, 'fit_')
)
SELECT run, method, CASE key WHEN 'v' THEN 'valence' WHEN 'a' THEN 'arousal' ELSE key END AS output,
       max(mean) FILTER (WHERE what = 'threshold') AS threshold, max(sd) FILTER (WHERE what = 'threshold') AS threshold_sd,
       max(mean) FILTER (WHERE what = 'shift') AS shift, max(sd) FILTER (WHERE what = 'shift') AS shift_sd,
       max(mean) FILTER (WHERE what = 'factor') AS factor, max(sd) FILTER (WHERE what = 'factor') AS factor_sd
FROM fits
GROUP BY run, method, key
ORDER BY run, CASE method WHEN 'aura' THEN 0 WHEN 'aura_mixture' THEN 1 WHEN 'aura_tuned' THEN 2 ELSE 3 END, method,
         CASE key WHEN 'v' THEN 0 WHEN 'a' THEN 1 ELSE 2 END, key
