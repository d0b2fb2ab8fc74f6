-- Kept archetypes of each class, seed by seed, with the class's samples on the training split.
SELECT run, seed, class, class_name, assigned AS archetypes, samples
FROM class_allocation
ORDER BY run, class, seed
