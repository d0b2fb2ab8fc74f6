-- What came of every test sample (primal archetype), seed by seed: right or wrong, and on stand-ins whether a wrong one has a
-- label that was changed on purpose, where the model may well be right about the face.
SELECT p.run, p.fold, p.seed, p.sample_id, p.prediction, a.archetype, CAST(a.similarity AS DOUBLE) AS similarity,
       CASE WHEN p.correct THEN 'right' WHEN t.flipped THEN 'wrong, label flipped'
            WHEN NOT t.flipped THEN 'wrong, label right' ELSE 'wrong' END AS outcome
FROM predictions p
JOIN runs r ON r.run = p.run AND r.task = 'expression'
JOIN assignments a
  ON a.run = p.run AND a.seed = p.seed AND (a.fold IS NOT DISTINCT FROM p.fold) AND a.sample_id = p.sample_id
LEFT JOIN truth t ON t.run = p.run AND t.sample_id = p.sample_id
WHERE p.method = 'aura' AND p.split = 'test' AND p.correct IS NOT NULL
