-- Confident learning (Northcutt et al. 2021) on AURA's mixture read-out: a class is confident for a sample if its output
-- reaches the mean output of that class over the samples labelled with it; the sample is flagged if its most probable
-- confident class is not its label, and neither is its most probable class. Each split by itself; samples are ranked by the
-- output of the label less the greatest other one, least first. The outputs of the training split are in-sample.
WITH wanted AS (
  SELECT run, CAST(array_length(seeds) AS BIGINT) * greatest(coalesce(CAST(array_length(folds) AS BIGINT), 0), 1) AS seeds
  FROM runs WHERE task = 'expression'
),
outputs AS (
  SELECT p.run, p.fold, p.seed, p.split, p.sample_id, p.label, CAST(unnest(p.output) AS DOUBLE) AS output,
         unnest(range(0, CAST(array_length(p.output) AS BIGINT))) AS class
  FROM predictions p
  JOIN wanted w ON p.run = w.run
  WHERE p.method = 'aura_mixture' AND p.label IS NOT NULL
),
thresholds AS (
  SELECT run, fold, seed, split, class, avg(output) AS threshold
  FROM outputs WHERE class = label GROUP BY run, fold, seed, split, class
),
confident AS (
  SELECT o.run, o.fold, o.seed, o.split, o.sample_id, o.class,
         row_number() OVER (PARTITION BY o.run, o.fold, o.seed, o.split, o.sample_id ORDER BY o.output DESC, o.class) AS place
  FROM outputs o
  JOIN thresholds t ON o.run = t.run AND o.seed = t.seed AND (o.fold IS NOT DISTINCT FROM t.fold) AND o.split = t.split AND o.class = t.class
  WHERE o.output >= t.threshold - 1e-6
),
largest AS (
  SELECT run, fold, seed, split, sample_id, class,
         row_number() OVER (PARTITION BY run, fold, seed, split, sample_id ORDER BY output DESC, class) AS place
  FROM outputs
),
margins AS (
  SELECT run, fold, seed, split, sample_id, label,
         max(CASE WHEN class = label THEN output END) - max(CASE WHEN class <> label THEN output END) AS margin
  FROM outputs GROUP BY run, fold, seed, split, sample_id, label
)
SELECT m.run, m.sample_id, m.split, s.expression_name AS label, k.class_name AS prediction, count(*) AS votes,
       max(w.seeds) AS seeds, avg(m.margin) AS margin, bool_or(t.flipped) AS flipped
FROM margins m
JOIN wanted w ON m.run = w.run
JOIN samples s ON m.run = s.run AND m.sample_id = s.sample_id
JOIN largest l ON m.run = l.run AND m.seed = l.seed AND (m.fold IS NOT DISTINCT FROM l.fold) AND m.split = l.split AND m.sample_id = l.sample_id AND l.place = 1
JOIN confident c
  ON m.run = c.run AND m.seed = c.seed AND (m.fold IS NOT DISTINCT FROM c.fold) AND m.split = c.split AND m.sample_id = c.sample_id AND c.place = 1
JOIN classes k ON m.run = k.run AND l.class = k.class
LEFT JOIN truth t ON m.run = t.run AND m.sample_id = t.sample_id
WHERE c.class <> m.label AND l.class <> m.label
GROUP BY m.run, m.sample_id, m.split, s.expression_name, k.class_name
ORDER BY m.run, votes DESC, margin, m.sample_id
