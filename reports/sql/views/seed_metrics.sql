-- A metric of a seed: its mean over the folds, and no row where a fold lacks it; without folds, the metric itself.
-- Folds test on different people, so that the half-widths of their intervals add up like independent errors; of another database
-- (split test@NAME) every fold's model is asked about the same samples, and their intervals are averaged.
SELECT run, seed, method, split, epoch, metric, value, low, high, n, higher_is_better
FROM metrics
WHERE fold IS NULL
UNION ALL
SELECT m.run, m.seed, m.method, m.split, m.epoch, m.metric, avg(m.value),
       CASE WHEN count(m.low) < count(*) THEN NULL WHEN starts_with(m.split, 'test@') THEN avg(m.low)
            ELSE avg(m.value) - sqrt(sum(power(m.value - m.low, 2))) / count(*) END,
       CASE WHEN count(m.high) < count(*) THEN NULL WHEN starts_with(m.split, 'test@') THEN avg(m.high)
            ELSE avg(m.value) + sqrt(sum(power(m.high - m.value, 2))) / count(*) END,
       CASE WHEN starts_with(m.split, 'test@') THEN max(m.n) ELSE sum(m.n) END, bool_and(m.higher_is_better)
FROM metrics m
JOIN primary_metrics p ON p.run = m.run
WHERE m.fold IS NOT NULL
GROUP BY m.run, m.seed, m.method, m.split, m.epoch, m.metric
HAVING count(m.value) = max(p.folds)
