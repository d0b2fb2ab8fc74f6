-- Health of the dictionary after training and pruning: how many archetypes stay, how evenly they are used, and how many
-- would stay at other pruning thresholds (share of the training samples, before pruning).
-- perplexity = exp(entropy of the shares of use, in nats): the number of evenly used archetypes with the same entropy.
WITH counted AS (
  SELECT run, fold, seed, archetype, uses FROM archetype_uses WHERE uses > 0
),
shares AS (
  SELECT run, fold, seed, CAST(uses AS DOUBLE) / sum(uses) OVER (PARTITION BY run, fold, seed) AS share, uses FROM counted
),
spread AS (
  SELECT run, fold, seed, exp(-sum(share * ln(share))) AS perplexity, max(share) AS largest_share, min(uses) AS least_uses,
         max(uses) AS most_uses
  FROM shares GROUP BY run, fold, seed
),
dictionary AS (
  SELECT run, fold, seed, count(*) AS k_max, count(*) FILTER (WHERE active) AS kept,
         count(*) FILTER (WHERE alpha >= 0.0005) AS at_0_0005,
         count(*) FILTER (WHERE alpha >= 0.001) AS at_0_001,
         count(*) FILTER (WHERE alpha >= 0.002) AS at_0_002,
         count(*) FILTER (WHERE alpha >= 0.005) AS at_0_005,
         count(*) FILTER (WHERE alpha >= 0.01) AS at_0_01
  FROM archetypes GROUP BY run, fold, seed
),
told AS (
  SELECT run, fold, seed,
         max(value) FILTER (WHERE metric = 'convergence_epoch') AS convergence_epoch,
         max(value) FILTER (WHERE metric = 'matched_share') AS matched_share
  FROM metrics WHERE method = 'aura' AND epoch IS NULL GROUP BY run, fold, seed
),
replaced AS (
  SELECT run, fold, seed, count(*) AS resets FROM resets GROUP BY run, fold, seed
)
SELECT d.run, d.fold, d.seed, d.k_max, d.kept, s.perplexity, s.largest_share, s.least_uses, s.most_uses,
       d.at_0_0005, d.at_0_001, d.at_0_002, d.at_0_005, d.at_0_01,
       coalesce(r.resets, 0) AS resets, t.matched_share, t.convergence_epoch
FROM dictionary d
LEFT JOIN spread s ON d.run = s.run AND (d.fold IS NOT DISTINCT FROM s.fold) AND d.seed = s.seed
LEFT JOIN told t ON d.run = t.run AND (d.fold IS NOT DISTINCT FROM t.fold) AND d.seed = t.seed
LEFT JOIN replaced r ON d.run = r.run AND (d.fold IS NOT DISTINCT FROM r.fold) AND d.seed = r.seed
ORDER BY d.run, d.fold, d.seed
