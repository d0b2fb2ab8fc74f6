-- Confident learning (Northcutt et al. 2021) on AURA's mixture read-out, or on the tool whose probabilities were scored, seed by seed and each split by itself: a class is
-- confident for a sample if its output reaches the mean output of that class over the samples labelled with it; the label is
-- doubted if it is neither the most probable confident class nor the most probable class. margin: the output of the label
-- less the greatest other one. The outputs of the training split are in-sample.
WITH outputs AS (
  SELECT p.run, p.fold, p.seed, p.split, p.sample_id, p.label, CAST(unnest(p.output) AS DOUBLE) AS output,
         unnest(range(0, CAST(array_length(p.output) AS BIGINT))) AS class
  FROM predictions p
  JOIN runs r ON r.run = p.run AND r.task = 'expression'
  LEFT ANTI JOIN missing m
    ON m.run = p.run AND m.seed = p.seed AND (m.fold IS NOT DISTINCT FROM p.fold) AND m.sample_id = p.sample_id
  WHERE p.method = CASE r.method WHEN 'aura' THEN 'aura_mixture' ELSE r.method END AND r.probabilities AND p.label IS NOT NULL
    AND NOT starts_with(p.split, 'test@')
),
thresholds AS (
  SELECT run, fold, seed, split, class, avg(output) AS threshold
  FROM outputs WHERE class = label GROUP BY run, fold, seed, split, class
),
judged AS (
  SELECT o.run, o.fold, o.seed, o.split, o.sample_id, o.label,
         first_value(o.class ORDER BY o.output DESC, o.class) AS prediction,
         first_value(o.class ORDER BY o.output DESC, o.class) FILTER (WHERE o.output >= t.threshold - 1e-6) AS confident,
         max(o.output) FILTER (WHERE o.class = o.label) - max(o.output) FILTER (WHERE o.class <> o.label) AS margin
  FROM outputs o
  LEFT JOIN thresholds t
    ON t.run = o.run AND t.seed = o.seed AND (t.fold IS NOT DISTINCT FROM o.fold) AND t.split = o.split AND t.class = o.class
  GROUP BY o.run, o.fold, o.seed, o.split, o.sample_id, o.label
)
SELECT run, fold, seed, split, sample_id, label, prediction, margin,
       prediction <> label AND coalesce(confident <> label, false) AS doubted
FROM judged
