-- The numbers of a run that stand beside a block of bins of the paper's Table 1; in a run with folds those of the first
-- one, with whose training samples the paper's totals agree.
SELECT run, seeds, low, high, assigned, assigned_sd, uses_min, uses_max, matched, matched_sd, samples
FROM bin_allocation_seeds
WHERE dimension = $dimension AND (fold IS NULL OR fold = 1)
ORDER BY run, low
