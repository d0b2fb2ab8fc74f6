-- As table1_expression.sql, over the seeds (and folds) of a run (view `class_allocation_seeds`).
SELECT run, class_name, seeds, assigned, assigned_sd, uses_min, uses_max, matched, matched_sd, samples, row_kind
FROM class_allocation_seeds
WHERE wanted > 1
ORDER BY run, row_kind, class_name
