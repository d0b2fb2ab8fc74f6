-- What each seed says of one sample: the prediction read off its primal archetype, and how near that archetype is. Where
-- there are folds, that of the fold which tests on the sample.
WITH said AS (
  SELECT p.run, p.fold, p.seed, p.split, p.label, p.prediction, p.correct, p.target, p.output,
         a.archetype, a.similarity, a.second, a.margin,
         row_number() OVER (PARTITION BY p.run, p.seed
                            ORDER BY CASE p.split WHEN 'test' THEN 0 WHEN 'val' THEN 1 ELSE 2 END, p.fold) AS place
  FROM predictions p
  JOIN assignments a
    ON p.run = a.run AND p.seed = a.seed AND (p.fold IS NOT DISTINCT FROM a.fold) AND p.sample_id = a.sample_id
       AND p.split = a.split
  WHERE p.method = 'aura' AND p.sample_id = $sample
)
SELECT run, fold, seed, split, label, prediction, correct, target, output, archetype, similarity, second, margin
FROM said WHERE place = 1
ORDER BY run, seed
