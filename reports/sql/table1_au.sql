-- The action-unit block of the paper's Table 1: archetypes by bins of their own activation, for chosen action units, seed by seed (view
-- `bin_allocation`; the bins are those of the recipe's [report]).
SELECT run, fold, seed, dimension, low, high, assigned, uses_min, uses_max, matched, samples
FROM bin_allocation
WHERE task = 'action_units'
ORDER BY run, fold, seed, dimension, low
