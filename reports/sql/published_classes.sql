-- The numbers of a run that stand beside the expression block of the paper's Table 1.
SELECT run, seeds, class_name AS row, assigned, assigned_sd, uses_min, uses_max, matched, matched_sd, samples
FROM class_allocation_seeds
WHERE row_kind = 'row'
ORDER BY run, class_name
