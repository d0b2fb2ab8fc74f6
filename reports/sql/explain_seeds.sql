-- What each seed says of one sample: the prediction read off its primal archetype, and how near that archetype is.
SELECT p.run, p.seed, p.split, p.label, p.prediction, p.correct, p.target, p.output,
       a.archetype, a.similarity, a.second, a.margin, t.label_name AS archetype_class
FROM predictions p
JOIN assignments a ON p.run = a.run AND p.seed = a.seed AND p.sample_id = a.sample_id AND p.split = a.split
LEFT JOIN archetypes t ON a.run = t.run AND a.seed = t.seed AND a.archetype = t.archetype
WHERE p.method = 'aura' AND p.sample_id = $sample
ORDER BY p.run, p.seed, CASE p.split WHEN 'test' THEN 0 WHEN 'val' THEN 1 ELSE 2 END
