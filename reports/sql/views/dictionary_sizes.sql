-- How large the dictionary was and how much of it is kept, seed by seed; in a run with folds, the mean over their
-- dictionaries, and no row where one is not there.
SELECT d.run, d.seed, max(d.k_max) AS k_max, avg(d.kept) AS kept
FROM (
  SELECT run, fold, seed, count(*) AS k_max, count(*) FILTER (WHERE active) AS kept FROM archetypes GROUP BY run, fold, seed
) d
JOIN primary_metrics p ON p.run = d.run
GROUP BY d.run, d.seed
HAVING count(*) = max(p.folds)
