-- Final metrics over the seeds of a run: mean and standard deviation, given only where every seed has the metric.
-- seeds: how many have it; low/high: the seeds' own 95 % intervals (uncertainty of a finite test set), averaged.
SELECT m.run, m.method, m.split, m.metric, count(m.value) AS seeds, max(p.seeds) AS wanted, max(m.n) AS n,
       CASE WHEN count(m.value) = max(p.seeds) THEN avg(m.value) END AS mean,
       CASE WHEN count(m.value) = max(p.seeds) THEN stddev_samp(m.value) END AS sd,
       CASE WHEN count(m.low) = max(p.seeds) THEN avg(m.low) END AS low,
       CASE WHEN count(m.high) = max(p.seeds) THEN avg(m.high) END AS high
FROM seed_metrics m
JOIN primary_metrics p ON p.run = m.run
WHERE m.epoch IS NULL
GROUP BY m.run, m.method, m.split, m.metric
