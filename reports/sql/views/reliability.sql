-- How often what is said to be probable is so, on validation and test split: 15 bins of equal width, each with its lower end (1 is
-- in the last), of the probability of the predicted class (expressions) or of a unit being active (action units, known labels,
-- the fit of thresholds undone). n: samples; confidence: mean probability; accuracy: share that was right, or active; brier: mean
-- squared error of the probabilities, of classes summed over them. Left out are decisions (svm, a tool that was
-- scored and says classes or intensities), what a tool says nothing of, and methods with an output that is
-- not between 0 and 1 or, of classes, a sample whose outputs do not add up to 1.
WITH asked AS (
  SELECT p.run, p.fold, p.seed, p.method, p.split, p.sample_id, p.correct, p.target, p.output, r.task
  FROM predictions p
  JOIN runs r ON r.run = p.run AND r.task IN ('expression', 'action_units') AND (r.method = 'aura' OR r.probabilities)
  LEFT ANTI JOIN missing m
    ON m.run = p.run AND m.seed = p.seed AND (m.fold IS NOT DISTINCT FROM p.fold) AND m.sample_id = p.sample_id
  WHERE p.split IN ('val', 'test') AND p.method NOT LIKE 'svm%'
),
each AS (
  SELECT run, fold, seed, method, split, sample_id, task, CAST(unnest(target) AS DOUBLE) AS label,
         CAST(unnest(output) AS DOUBLE) AS output, unnest(range(0, CAST(array_length(output) AS BIGINT))) AS class
  FROM asked
),
of_classes AS (
  SELECT run, fold, seed, method, split, sample_id, max(output) AS p, min(output) AS least, sum(output) AS total,
         sum(power(output - label, 2)) AS squared
  FROM each WHERE task = 'expression' GROUP BY run, fold, seed, method, split, sample_id
),
fits AS (
  SELECT run, fold, seed, method, metric, value FROM metrics WHERE epoch IS NULL AND metric LIKE 'fit_threshold_%'
),
of_units AS (
  SELECT e.run, e.fold, e.seed, e.method, e.split, k.class_name AS unit, e.label, e.output,
         CASE WHEN f.value IS NULL THEN e.output
              ELSE e.output * f.value / (e.output * f.value + (1 - e.output) * (1 - f.value)) END AS p
  FROM each e
  JOIN classes k ON k.run = e.run AND k.class = e.class
  LEFT JOIN fits f
    ON f.run = e.run AND f.seed = e.seed AND (f.fold IS NOT DISTINCT FROM e.fold) AND f.method = e.method
       AND f.metric = 'fit_threshold_' || k.class_name
  WHERE e.task = 'action_units' AND e.label IS NOT NULL
),
told AS (
  SELECT c.run, c.fold, c.seed, c.method, c.split, CAST(NULL AS VARCHAR) AS unit, c.p,
         CASE WHEN a.correct THEN 1.0 ELSE 0.0 END AS hit, c.squared, c.least >= 0 AND abs(c.total - 1) < 1e-3 AS probable
  FROM of_classes c
  JOIN asked a
    ON a.run = c.run AND a.seed = c.seed AND (a.fold IS NOT DISTINCT FROM c.fold) AND a.method = c.method AND a.split = c.split
       AND a.sample_id = c.sample_id
  WHERE a.correct IS NOT NULL
  UNION ALL
  SELECT run, fold, seed, method, split, unit, p, label, power(p - label, 2), output >= 0 AND output <= 1 FROM of_units
),
bins AS (
  SELECT run, fold, seed, method, split, unit, least(CAST(floor(p * 15) AS BIGINT), 14) AS bin, count(*) AS n, avg(p) AS confidence,
         avg(hit) AS accuracy, avg(squared) AS brier, bool_and(probable) AS probable
  FROM told GROUP BY run, fold, seed, method, split, unit, least(CAST(floor(p * 15) AS BIGINT), 14)
),
others AS (
  SELECT run, method FROM bins GROUP BY run, method HAVING NOT bool_and(probable)
)
SELECT b.run, b.fold, b.seed, b.method, b.split, b.unit, b.bin, b.bin / 15.0 AS low, (b.bin + 1) / 15.0 AS high, b.n, b.confidence,
       b.accuracy, b.brier
FROM bins b LEFT ANTI JOIN others o ON o.run = b.run AND o.method = b.method
