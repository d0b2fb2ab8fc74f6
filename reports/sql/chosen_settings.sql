-- What the rivals of a run were fitted with (metrics `setting_<name>` of split `all`), the least and the greatest over seeds and
-- folds, and what held-out samples said of it (`held_out_<metric>`, mean over seeds; view `scores`).
WITH settings AS (
  SELECT run, method, substr(metric, length('setting_') + 1) AS name, min(value) AS least, max(value) AS greatest
  FROM metrics
  WHERE split = 'all' AND starts_with(metric, 'setting_')
  GROUP BY run, method, metric
),
worded AS (
  SELECT run, method, name, CASE WHEN least = floor(least) THEN CAST(CAST(least AS BIGINT) AS VARCHAR) ELSE CAST(least AS VARCHAR) END AS least,
         CASE WHEN greatest = floor(greatest) THEN CAST(CAST(greatest AS BIGINT) AS VARCHAR) ELSE CAST(greatest AS VARCHAR) END AS greatest
  FROM settings
),
listed AS (
  SELECT run, method,
         string_agg(name || ' ' || least || CASE WHEN greatest <> least THEN ' to ' || greatest ELSE '' END, ', ' ORDER BY name) AS settings
  FROM worded
  GROUP BY run, method
)
SELECT listed.run, listed.method, held.mean AS held_out, held.sd AS held_out_sd, listed.settings
FROM listed
LEFT JOIN scores held ON held.run = listed.run AND held.method = listed.method AND starts_with(held.metric, 'held_out_')
ORDER BY listed.run, listed.method
