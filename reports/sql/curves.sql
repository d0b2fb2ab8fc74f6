-- Every number that was logged once an epoch; in a run with folds, its mean over them.
SELECT run, seed, metric, split, epoch, value
FROM seed_metrics
WHERE epoch IS NOT NULL AND method = 'aura'
ORDER BY run, metric, split, seed, epoch
