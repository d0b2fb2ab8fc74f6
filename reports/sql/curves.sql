-- Every number that was logged once an epoch.
SELECT run, seed, metric, split, epoch, value
FROM metrics
WHERE epoch IS NOT NULL AND method = 'aura'
ORDER BY run, metric, split, seed, epoch
