-- Stand-ins only: how well archetypes agree with the facial modes that were planted, and with identity, which they
-- should not follow. Mean and standard deviation over seeds, given only where every seed has the number.
WITH wanted AS (
  SELECT run, CAST(array_length(seeds) AS BIGINT) AS seeds FROM runs WHERE stand_in
)
SELECT m.run, m.metric, m.split,
       CASE m.metric
         WHEN 'nmi_mode' THEN 'Planted modes: normalised mutual information'
         WHEN 'ami_mode' THEN 'Planted modes: mutual information beyond chance'
         WHEN 'homogeneity_mode' THEN 'Planted modes: homogeneity (an archetype holds one mode)'
         WHEN 'completeness_mode' THEN 'Planted modes: completeness (a mode lies in one archetype)'
         WHEN 'ami_subject' THEN 'Identity: mutual information with the drawn person beyond chance (0 is none)'
         ELSE 'Identity: normalised mutual information with the drawn person (low is good)'
       END AS quantity,
       CASE WHEN count(m.value) = max(w.seeds) THEN avg(m.value) END AS mean,
       CASE WHEN count(m.value) = max(w.seeds) THEN stddev_samp(m.value) END AS sd,
       count(m.value) AS seeds
FROM seed_metrics m JOIN wanted w ON m.run = w.run
WHERE m.epoch IS NULL
  AND m.metric IN ('nmi_mode', 'ami_mode', 'homogeneity_mode', 'completeness_mode', 'nmi_subject', 'ami_subject')
GROUP BY m.run, m.metric, m.split
ORDER BY m.run, CASE m.metric WHEN 'nmi_mode' THEN 0 WHEN 'ami_mode' THEN 1 WHEN 'homogeneity_mode' THEN 2
         WHEN 'completeness_mode' THEN 3 WHEN 'nmi_subject' THEN 4 ELSE 5 END, m.split DESC
