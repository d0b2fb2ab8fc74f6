-- What moved between archetypes over the training of the first seed: samples of the training split by the archetype that they
-- left (none at the first look, which counts all) and the one that they are nearest to since.
SELECT m.run, m.epoch, m.cause, m."from", m."to", m.n
FROM flows m
JOIN first_seeds f ON f.run = m.run AND f.seed = m.seed AND (f.fold IS NOT DISTINCT FROM m.fold)
ORDER BY m.run, m.epoch, m.cause = 'freezing', m."from" NULLS FIRST, m."to"
