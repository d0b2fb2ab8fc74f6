-- The valence-arousal block of the paper's Table 1: archetypes by bins of their own valence or arousal, seed by seed (view
-- `bin_allocation`; the bins are those of the recipe's [report]).
SELECT run, fold, seed, dimension, low, high, assigned, uses_min, uses_max, matched, samples
FROM bin_allocation
WHERE task = 'valence_arousal'
ORDER BY run, fold, seed, dimension, low
