-- Are failures justified by the face (appendix C.2 and D)? By what came of them (view `outcomes`: on stand-ins, wrong
-- predictions whose label was changed on purpose stand apart), the action units of each test sample are compared, by Euclidean
-- distance, with the mean of its archetype (over the training samples matched with it) and with the mean of its label's
-- class (over the training samples labelled so). Action units are those of the database or, on stand-ins without any, those
-- that were drawn. Per seed, then mean and standard deviation over seeds.
WITH source AS (
  SELECT run, min(source) AS source FROM units GROUP BY run
),
known AS (
  SELECT u.run, u.sample_id, u.unit, u.value
  FROM units u JOIN source s ON u.run = s.run AND u.source = s.source
),
matched AS (
  SELECT a.run, a.fold, a.seed, a.sample_id, a.split, a.archetype, s.expression_name AS label
  FROM assignments a
  JOIN samples s ON a.run = s.run AND a.sample_id = s.sample_id
  JOIN runs r ON a.run = r.run AND r.task = 'expression'
  WHERE s.expression_name IS NOT NULL
),
of_archetype AS (
  SELECT m.run, m.fold, m.seed, m.archetype, k.unit, avg(k.value) AS value
  FROM matched m JOIN known k ON m.run = k.run AND m.sample_id = k.sample_id
  WHERE m.split = 'train'
  GROUP BY m.run, m.fold, m.seed, m.archetype, k.unit
),
of_class AS (
  SELECT m.run, m.fold, m.seed, m.label, k.unit, avg(k.value) AS value
  FROM matched m JOIN known k ON m.run = k.run AND m.sample_id = k.sample_id
  WHERE m.split = 'train'
  GROUP BY m.run, m.fold, m.seed, m.label, k.unit
),
distances AS (
  SELECT m.run, m.fold, m.seed, m.sample_id, o.outcome,
         sqrt(sum(power(k.value - a.value, 2))) AS to_archetype,
         sqrt(sum(power(k.value - c.value, 2))) AS to_class,
         sqrt(sum(power(a.value - c.value, 2))) AS between
  FROM matched m
  JOIN outcomes o ON m.run = o.run AND m.seed = o.seed AND (m.fold IS NOT DISTINCT FROM o.fold) AND m.sample_id = o.sample_id
  JOIN known k ON m.run = k.run AND m.sample_id = k.sample_id
  JOIN of_archetype a ON m.run = a.run AND m.seed = a.seed AND (m.fold IS NOT DISTINCT FROM a.fold) AND m.archetype = a.archetype AND k.unit = a.unit
  JOIN of_class c ON m.run = c.run AND m.seed = c.seed AND (m.fold IS NOT DISTINCT FROM c.fold) AND m.label = c.label AND k.unit = c.unit
  GROUP BY m.run, m.fold, m.seed, m.sample_id, o.outcome
),
by_seed AS (
  SELECT d.run, d.seed, d.outcome, count(*) AS samples,
         avg(CASE WHEN d.to_archetype < d.to_class THEN 1.0 ELSE 0.0 END) AS sample_nearer,
         avg(CASE WHEN d.to_archetype < d.between THEN 1.0 ELSE 0.0 END) AS archetype_nearer,
         avg(d.to_archetype) AS to_archetype, avg(d.to_class) AS to_class,
         avg(CASE WHEN t.flipped THEN 1.0 WHEN t.flipped IS NOT NULL THEN 0.0 END) AS flipped
  FROM distances d
  LEFT JOIN truth t ON d.run = t.run AND d.sample_id = t.sample_id
  GROUP BY d.run, d.seed, d.outcome
)
SELECT b.run, b.outcome,
       avg(b.samples) AS samples, stddev_samp(b.samples) AS samples_sd,
       avg(b.sample_nearer) AS sample_nearer, stddev_samp(b.sample_nearer) AS sample_nearer_sd,
       avg(b.archetype_nearer) AS archetype_nearer, stddev_samp(b.archetype_nearer) AS archetype_nearer_sd,
       avg(b.to_archetype) AS to_archetype, stddev_samp(b.to_archetype) AS to_archetype_sd,
       avg(b.to_class) AS to_class, stddev_samp(b.to_class) AS to_class_sd,
       avg(b.flipped) AS flipped, stddev_samp(b.flipped) AS flipped_sd, count(*) AS seeds
FROM by_seed b JOIN primary_metrics p ON p.run = b.run
GROUP BY b.run, b.outcome
HAVING count(*) = max(p.seeds)
ORDER BY b.run, b.outcome DESC
