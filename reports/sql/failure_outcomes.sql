-- Do failures resemble their archetype (appendix D)? The similarity of test samples with their archetype by what came of them
-- (view `outcomes`), and the share that is nearer to it than the median right prediction of the same archetype, and of the same
-- predicted class; one as near counts half, so that right predictions have one half by definition. An archetype without a
-- right prediction has no median, and its samples are left out of that share. On stand-ins also how strongly the faces of each
-- group show their emotion, and how many lean to another one. Per seed, then over seeds; a seed without such samples has 0.
WITH of_archetype AS (
  SELECT run, fold, seed, archetype, median(similarity) AS similarity
  FROM outcomes WHERE outcome = 'right' GROUP BY run, fold, seed, archetype
),
of_class AS (
  SELECT run, fold, seed, prediction, median(similarity) AS similarity
  FROM outcomes WHERE outcome = 'right' GROUP BY run, fold, seed, prediction
),
by_seed AS (
  SELECT o.run, o.seed, o.outcome, count(*) AS samples, avg(o.similarity) AS similarity,
         avg(CASE WHEN o.similarity > a.similarity THEN 1.0 WHEN o.similarity = a.similarity THEN 0.5
                  WHEN o.similarity < a.similarity THEN 0.0 END) AS nearer_archetype,
         avg(CASE WHEN o.similarity > c.similarity THEN 1.0 WHEN o.similarity = c.similarity THEN 0.5
                  WHEN o.similarity < c.similarity THEN 0.0 END) AS nearer_class,
         avg(t.strength) AS strength,
         avg(CASE WHEN t.strength IS NULL THEN NULL WHEN t.blend IS NULL THEN 0.0 ELSE 1.0 END) AS ambiguous
  FROM outcomes o
  LEFT JOIN of_archetype a
    ON a.run = o.run AND a.seed = o.seed AND (a.fold IS NOT DISTINCT FROM o.fold) AND a.archetype = o.archetype
  LEFT JOIN of_class c
    ON c.run = o.run AND c.seed = o.seed AND (c.fold IS NOT DISTINCT FROM o.fold) AND c.prediction = o.prediction
  LEFT JOIN truth t ON t.run = o.run AND t.sample_id = o.sample_id
  GROUP BY o.run, o.seed, o.outcome
),
every AS (
  SELECT s.run, s.seed, o.outcome
  FROM (SELECT DISTINCT run, seed FROM outcomes) s
  JOIN (SELECT DISTINCT run, outcome FROM outcomes) o ON o.run = s.run
)
SELECT e.run, e.outcome, avg(coalesce(b.samples, 0)) AS samples, stddev_samp(coalesce(b.samples, 0)) AS samples_sd,
       CASE WHEN count(b.similarity) = max(p.seeds) THEN avg(b.similarity) END AS similarity,
       CASE WHEN count(b.similarity) = max(p.seeds) THEN stddev_samp(b.similarity) END AS similarity_sd,
       CASE WHEN count(b.nearer_archetype) = max(p.seeds) THEN avg(b.nearer_archetype) END AS nearer_archetype,
       CASE WHEN count(b.nearer_archetype) = max(p.seeds) THEN stddev_samp(b.nearer_archetype) END AS nearer_archetype_sd,
       CASE WHEN count(b.nearer_class) = max(p.seeds) THEN avg(b.nearer_class) END AS nearer_class,
       CASE WHEN count(b.nearer_class) = max(p.seeds) THEN stddev_samp(b.nearer_class) END AS nearer_class_sd,
       CASE WHEN count(b.strength) = max(p.seeds) THEN avg(b.strength) END AS strength,
       CASE WHEN count(b.strength) = max(p.seeds) THEN stddev_samp(b.strength) END AS strength_sd,
       CASE WHEN count(b.ambiguous) = max(p.seeds) THEN avg(b.ambiguous) END AS ambiguous,
       CASE WHEN count(b.ambiguous) = max(p.seeds) THEN stddev_samp(b.ambiguous) END AS ambiguous_sd,
       count(b.samples) AS seeds
FROM every e
JOIN primary_metrics p ON p.run = e.run
LEFT JOIN by_seed b ON b.run = e.run AND b.seed = e.seed AND b.outcome = e.outcome
GROUP BY e.run, e.outcome
HAVING count(*) = max(p.seeds)
ORDER BY e.run, e.outcome DESC
