-- What AURA's other read-outs say of one sample under one seed: all archetypes by similarity, and where the run has it the same
-- with how far the sample departs from them.
SELECT run, method, output
FROM predictions
WHERE method IN ('aura_mixture', 'aura_tuned') AND sample_id = $sample AND seed = $seed AND split = $split
      AND fold IS NOT DISTINCT FROM $fold
ORDER BY run, method
