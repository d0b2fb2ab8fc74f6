-- The expression block of the paper's Table 1: what each class gets of the dictionary (view `class_allocation`).
WITH parts AS (
  SELECT run, fold, seed, class_name, assigned, uses_min, uses_max, matched, samples, 'row' AS row_kind FROM class_allocation
  UNION ALL
  SELECT run, fold, seed, 'all', sum(assigned), min(uses_min), max(uses_max), sum(matched), sum(samples), 'total'
  FROM class_allocation GROUP BY run, fold, seed
)
SELECT run, fold, seed, class_name, assigned, uses_min, uses_max, matched, samples, row_kind
FROM parts
ORDER BY run, fold, seed, row_kind, class_name
