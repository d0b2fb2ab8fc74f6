-- As table1_au.sql, over the seeds of a run (view `bin_allocation_seeds`).
SELECT run, fold, dimension, low, high, seeds, assigned, assigned_sd, uses_min, uses_max, matched, matched_sd, samples
FROM bin_allocation_seeds
WHERE task = 'action_units' AND wanted > 1
ORDER BY run, fold, dimension, low
