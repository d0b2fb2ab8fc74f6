-- Kept archetypes of the run's first seed (in its first fold), each with the `$support` nearest training samples.
SELECT a.run, a.archetype, n.name, a.label, a.uses, a.value, a.output, a.embedding,
       array_slice(a.nearest, 1, $support) AS nearest, array_slice(a.nearest_similarity, 1, $support) AS nearest_similarity
FROM archetypes a
JOIN first_seeds f ON f.run = a.run AND f.seed = a.seed AND (f.fold IS NOT DISTINCT FROM a.fold)
JOIN archetype_names n
  ON n.run = a.run AND n.seed = a.seed AND (n.fold IS NOT DISTINCT FROM a.fold) AND n.archetype = a.archetype
WHERE a.active
ORDER BY a.run, a.archetype
