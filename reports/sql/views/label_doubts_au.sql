-- Confident learning for action units, each a question of two classes (as cleanlab's multi-label form), on AURA's mixture
-- read-out (of a tool that was scored, on its probabilities), seed by seed and each split by itself, over known labels. output: the probability of the unit, the fit of thresholds
-- undone, which would call many rare units active; quality: that of the label that was given; doubted:
-- the output prefers the other label and reaches the mean output of that one over the samples that carry it; sample_quality: a
-- sample's qualities in one number, the exponential moving average from the best to the worst with weight 0.8 (cleanlab's).
-- The outputs of the training split are in-sample.
WITH outputs AS (
  SELECT p.run, p.fold, p.seed, p.split, p.sample_id, CAST(unnest(p.target) AS DOUBLE) AS label,
         CAST(unnest(p.output) AS DOUBLE) AS output, unnest(range(0, CAST(array_length(p.output) AS BIGINT))) AS class
  FROM predictions p
  JOIN runs r ON r.run = p.run AND r.task = 'action_units' AND r.probabilities
  LEFT ANTI JOIN missing m
    ON m.run = p.run AND m.seed = p.seed AND (m.fold IS NOT DISTINCT FROM p.fold) AND m.sample_id = p.sample_id
  WHERE p.method = CASE r.method WHEN 'aura' THEN 'aura_mixture' ELSE r.method END
    AND NOT starts_with(p.split, 'test@')
),
fits AS (
  SELECT run, fold, seed, metric, value FROM metrics
  WHERE epoch IS NULL AND method = 'aura_mixture' AND metric LIKE 'fit_threshold_%'
),
probable AS (
  SELECT o.run, o.fold, o.seed, o.split, o.sample_id, o.class, o.label,
         CASE WHEN f.value IS NULL THEN o.output
              ELSE o.output * f.value / (o.output * f.value + (1 - o.output) * (1 - f.value)) END AS output
  FROM outputs o
  JOIN classes k ON k.run = o.run AND k.class = o.class
  LEFT JOIN fits f
    ON f.run = o.run AND f.seed = o.seed AND (f.fold IS NOT DISTINCT FROM o.fold) AND f.metric = 'fit_threshold_' || k.class_name
  WHERE o.label IS NOT NULL
),
known AS (
  SELECT run, fold, seed, split, sample_id, class, output, label > 0.5 AS active,
         CASE WHEN label > 0.5 THEN output ELSE 1 - output END AS quality
  FROM probable
),
thresholds AS (
  SELECT run, fold, seed, split, class, avg(quality) FILTER (WHERE active) AS active, avg(quality) FILTER (WHERE NOT active) AS inactive
  FROM known GROUP BY run, fold, seed, split, class
),
placed AS (
  SELECT *, row_number() OVER (PARTITION BY run, fold, seed, split, sample_id ORDER BY quality, class) - 1 AS place,
         count(*) OVER (PARTITION BY run, fold, seed, split, sample_id) AS units
  FROM known
),
of_samples AS (
  SELECT run, fold, seed, split, sample_id,
         sum(quality * power(0.2, place) * CASE WHEN place = units - 1 THEN 1 ELSE 0.8 END) AS quality
  FROM placed GROUP BY run, fold, seed, split, sample_id
)
SELECT k.run, k.fold, k.seed, k.split, k.sample_id, c.class_name AS unit, CAST(k.active AS INTEGER) AS label, k.output, k.quality,
       (k.output > 0.5) <> k.active
         AND coalesce(CASE WHEN k.active THEN 1 - k.output >= t.inactive - 1e-6 ELSE k.output >= t.active - 1e-6 END, false) AS doubted,
       s.quality AS sample_quality
FROM known k
JOIN thresholds t ON t.run = k.run AND t.seed = k.seed AND (t.fold IS NOT DISTINCT FROM k.fold) AND t.split = k.split AND t.class = k.class
JOIN of_samples s
  ON s.run = k.run AND s.seed = k.seed AND (s.fold IS NOT DISTINCT FROM k.fold) AND s.split = k.split AND s.sample_id = k.sample_id
JOIN classes c ON c.run = k.run AND c.class = k.class
