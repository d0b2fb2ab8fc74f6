-- The paper's Table 2: what stays of the dictionary for each K max, one row a run. Only where runs differ in it.
-- distribution: kept archetypes of each class, mean over seeds, rounded. gflops: only where the run measured it.
WITH wanted AS (
  SELECT run, CAST(array_length(seeds) AS BIGINT) AS seeds, task FROM runs
),
dictionary AS (
  -- In a run with folds each seed has a dictionary a fold; what stays of it is the mean.
  SELECT run, seed, max(k_max) AS k_max, avg(kept) AS kept
  FROM (SELECT run, fold, seed, count(*) AS k_max, count(*) FILTER (WHERE active) AS kept
        FROM archetypes GROUP BY run, fold, seed)
  GROUP BY run, seed
),
sizes AS (
  SELECT d.run, max(d.k_max) AS k_max, avg(d.kept) AS k_stable, stddev_samp(d.kept) AS k_stable_sd
  FROM dictionary d JOIN wanted w ON d.run = w.run
  GROUP BY d.run
  HAVING count(*) = max(w.seeds)
),
numbers AS (
  SELECT m.run, CASE WHEN m.metric IN ('acc', 'ccc_va', 'f1_avg') THEN 'primary' ELSE m.metric END AS metric,
         CASE WHEN count(*) = max(w.seeds) THEN avg(m.value) END AS mean,
         CASE WHEN count(*) = max(w.seeds) THEN stddev_samp(m.value) END AS sd
  FROM seed_metrics m JOIN wanted w ON m.run = w.run
  WHERE m.epoch IS NULL AND m.method = 'aura'
    AND (m.metric IN ('convergence_epoch', 'gflops')
         OR (m.split = 'test'
             AND m.metric = CASE w.task WHEN 'expression' THEN 'acc' WHEN 'valence_arousal' THEN 'ccc_va' ELSE 'f1_avg' END))
  GROUP BY m.run, CASE WHEN m.metric IN ('acc', 'ccc_va', 'f1_avg') THEN 'primary' ELSE m.metric END
),
per_class AS (
  SELECT a.run, a.label, count(*) AS archetypes FROM archetypes a WHERE a.active AND a.label IS NOT NULL GROUP BY a.run, a.label
),
named AS (
  SELECT k.run, k.class_name, CAST(round(CAST(coalesce(p.archetypes, 0) AS DOUBLE) / w.seeds) AS BIGINT) AS archetypes
  FROM classes k
  JOIN wanted w ON w.run = k.run
  LEFT JOIN per_class p ON p.run = k.run AND p.label = k.class
  WHERE w.task = 'expression'
),
shares AS (
  SELECT run, string_agg(class_name || ' ' || CAST(archetypes AS VARCHAR), ' / ' ORDER BY class_name) AS distribution
  FROM named GROUP BY run
)
SELECT z.run, z.k_max, z.k_stable, z.k_stable_sd,
       max(n.mean) FILTER (WHERE n.metric = 'primary') AS value, max(n.sd) FILTER (WHERE n.metric = 'primary') AS value_sd,
       max(n.mean) FILTER (WHERE n.metric = 'convergence_epoch') AS convergence_epoch,
       max(n.sd) FILTER (WHERE n.metric = 'convergence_epoch') AS convergence_epoch_sd,
       max(h.distribution) AS distribution,
       max(n.mean) FILTER (WHERE n.metric = 'gflops') AS gflops
FROM sizes z
LEFT JOIN numbers n ON n.run = z.run
LEFT JOIN shares h ON h.run = z.run
WHERE (SELECT count(DISTINCT k_max) FROM sizes) > 1
GROUP BY z.run, z.k_max, z.k_stable, z.k_stable_sd
ORDER BY z.k_max, z.run
