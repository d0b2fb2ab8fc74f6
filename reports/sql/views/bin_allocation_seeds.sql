-- `bin_allocation` over the seeds of a run: mean and standard deviation of archetypes and matched samples, the least and
-- the greatest use in any seed. Each fold has its own training samples and so its own rows. Missing where a seed's
-- dictionary is not there.
SELECT b.run, b.fold, b.task, b.dimension, b.low, b.high, count(*) AS seeds, max(p.seeds) AS wanted,
       CASE WHEN count(*) = max(p.seeds) THEN avg(b.assigned) END AS assigned,
       CASE WHEN count(*) = max(p.seeds) THEN stddev_samp(b.assigned) END AS assigned_sd,
       CASE WHEN count(*) = max(p.seeds) THEN min(b.uses_min) END AS uses_min,
       CASE WHEN count(*) = max(p.seeds) THEN max(b.uses_max) END AS uses_max,
       CASE WHEN count(*) = max(p.seeds) THEN avg(b.matched) END AS matched,
       CASE WHEN count(*) = max(p.seeds) THEN stddev_samp(b.matched) END AS matched_sd,
       max(b.samples) AS samples
FROM bin_allocation b
JOIN primary_metrics p ON p.run = b.run
GROUP BY b.run, b.fold, b.task, b.dimension, b.low, b.high
