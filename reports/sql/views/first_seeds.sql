-- The one dictionary of each run that a figure of single archetypes shows: its first seed, in its first fold.
SELECT run, min(fold) AS fold, min(seed) AS seed FROM archetypes GROUP BY run
