-- Stand-ins only: how well the labels that were changed on purpose are found, on each split, by distrusting labels that
-- contradict their archetype, and by confident learning (confident_learning.sql) on the outputs of the same model. Average
-- precision takes equal scores as one step.
WITH wanted AS (
  SELECT run, CAST(array_length(seeds) AS BIGINT) AS seeds FROM runs WHERE stand_in AND task = 'expression'
),
outputs AS (
  SELECT p.run, p.fold, p.seed, p.split, p.sample_id, p.label, CAST(unnest(p.output) AS DOUBLE) AS output,
         unnest(range(0, CAST(array_length(p.output) AS BIGINT))) AS class
  FROM predictions p JOIN wanted w ON p.run = w.run
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
),
judged AS (
  SELECT m.run, m.fold, m.seed, m.split, m.margin, t.flipped,
         coalesce(c.class <> m.label, false) AND l.class <> m.label AS flagged
  FROM margins m
  JOIN truth t ON m.run = t.run AND m.sample_id = t.sample_id
  JOIN largest l ON m.run = l.run AND m.seed = l.seed AND (m.fold IS NOT DISTINCT FROM l.fold) AND m.split = l.split AND m.sample_id = l.sample_id AND l.place = 1
  LEFT JOIN confident c
    ON m.run = c.run AND m.seed = c.seed AND (m.fold IS NOT DISTINCT FROM c.fold) AND m.split = c.split AND m.sample_id = c.sample_id AND c.place = 1
),
ranked AS (
  SELECT run, fold, seed, split, flipped, flagged,
         CAST(sum(CASE WHEN flipped THEN 1 ELSE 0 END) OVER ranking AS DOUBLE) / count(*) OVER ranking AS precision
  FROM judged
  WINDOW ranking AS (PARTITION BY run, fold, seed, split ORDER BY margin RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
learned AS (
  SELECT run, fold, seed, split,
         CAST(sum(CASE WHEN flagged AND flipped THEN 1 ELSE 0 END) AS DOUBLE)
           / nullif(sum(CASE WHEN flagged THEN 1 ELSE 0 END), 0) AS precision,
         CAST(sum(CASE WHEN flagged AND flipped THEN 1 ELSE 0 END) AS DOUBLE)
           / nullif(sum(CASE WHEN flipped THEN 1 ELSE 0 END), 0) AS recall,
         avg(CASE WHEN flipped THEN precision END) AS ap
  FROM ranked GROUP BY run, fold, seed, split
),
found AS (
  SELECT 0 AS place, 'archetype of another class' AS finder, m.run, m.seed, m.split,
         max(CASE WHEN m.metric = 'flip_precision' THEN m.value END) AS precision,
         max(CASE WHEN m.metric = 'flip_recall' THEN m.value END) AS recall,
         max(CASE WHEN m.metric = 'flip_ap' THEN m.value END) AS ap
  FROM seed_metrics m JOIN wanted w ON m.run = w.run
  WHERE m.epoch IS NULL AND m.method = 'aura' AND m.metric IN ('flip_precision', 'flip_recall', 'flip_ap')
  GROUP BY m.run, m.seed, m.split
  UNION ALL
  SELECT 1, 'confident learning', run, seed, split, avg(precision), avg(recall), avg(ap) FROM learned
  GROUP BY run, seed, split
),
flips AS (
  SELECT s.run, s.split, count(*) AS flipped
  FROM truth t JOIN samples s ON t.run = s.run AND t.sample_id = s.sample_id
  WHERE t.flipped GROUP BY s.run, s.split
)
SELECT f.run, f.split, f.finder, max(p.flipped) AS flipped,
       CASE WHEN count(f.precision) = max(w.seeds) THEN avg(f.precision) END AS precision,
       CASE WHEN count(f.precision) = max(w.seeds) THEN stddev_samp(f.precision) END AS precision_sd,
       CASE WHEN count(f.recall) = max(w.seeds) THEN avg(f.recall) END AS recall,
       CASE WHEN count(f.recall) = max(w.seeds) THEN stddev_samp(f.recall) END AS recall_sd,
       CASE WHEN count(f.ap) = max(w.seeds) THEN avg(f.ap) END AS ap,
       CASE WHEN count(f.ap) = max(w.seeds) THEN stddev_samp(f.ap) END AS ap_sd,
       count(DISTINCT f.seed) AS seeds
FROM found f
JOIN wanted w ON f.run = w.run
LEFT JOIN flips p ON f.run = p.run AND f.split = p.split
GROUP BY f.run, f.split, f.finder, f.place
ORDER BY f.run, CASE f.split WHEN 'train' THEN 0 WHEN 'val' THEN 1 ELSE 2 END, f.place
