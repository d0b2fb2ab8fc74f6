-- Labels of valence and arousal that AURA's mixture read-out, or the tool that was scored, contradicts, seed by seed and each split by itself. residual: the
-- output less the label; quality: cleanlab's score exp(-|residual|); z: the modified z-score of the residual, 0.6745 of its
-- distance from the median in units of the median such distance (Iglewicz and Hoaglin 1993), beyond 3.5 of which a label is
-- doubted. Where half of the residuals are the same there is no z and no doubt. The outputs of the training split are in-sample.
WITH outputs AS (
  SELECT p.run, p.fold, p.seed, p.split, p.sample_id, CAST(unnest(p.target) AS DOUBLE) AS label,
         CAST(unnest(p.output) AS DOUBLE) AS output, unnest(range(0, CAST(array_length(p.output) AS BIGINT))) AS class
  FROM predictions p
  JOIN runs r ON r.run = p.run AND r.task = 'valence_arousal'
  LEFT ANTI JOIN missing m
    ON m.run = p.run AND m.seed = p.seed AND (m.fold IS NOT DISTINCT FROM p.fold) AND m.sample_id = p.sample_id
  WHERE p.method = CASE r.method WHEN 'aura' THEN 'aura_mixture' ELSE r.method END
    AND NOT starts_with(p.split, 'test@')
),
residuals AS (
  SELECT run, fold, seed, split, sample_id, class, label, output, output - label AS residual FROM outputs WHERE label IS NOT NULL
),
middles AS (
  SELECT run, fold, seed, split, class, median(residual) AS middle FROM residuals GROUP BY run, fold, seed, split, class
),
moved AS (
  SELECT r.*, r.residual - m.middle AS apart
  FROM residuals r
  JOIN middles m ON m.run = r.run AND m.seed = r.seed AND (m.fold IS NOT DISTINCT FROM r.fold) AND m.split = r.split AND m.class = r.class
),
spreads AS (
  SELECT run, fold, seed, split, class, median(abs(apart)) AS spread FROM moved GROUP BY run, fold, seed, split, class
)
SELECT d.run, d.fold, d.seed, d.split, d.sample_id, k.class_name AS dimension, d.label, d.output, d.residual,
       exp(-abs(d.residual)) AS quality, 0.6745 * d.apart / nullif(s.spread, 0) AS z,
       coalesce(0.6745 * abs(d.apart) / nullif(s.spread, 0) > 3.5, false) AS doubted
FROM moved d
JOIN spreads s ON s.run = d.run AND s.seed = d.seed AND (s.fold IS NOT DISTINCT FROM d.fold) AND s.split = d.split AND s.class = d.class
JOIN classes k ON k.run = d.run AND k.class = d.class
