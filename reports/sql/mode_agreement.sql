-- Stand-ins only: how well archetypes agree with the facial modes that were planted, and with identity, which they
-- should not follow. Mean and standard deviation over seeds (view `scores`).
SELECT s.run, s.metric, s.split,
       CASE s.metric
         WHEN 'nmi_mode' THEN 'Planted modes: normalised mutual information'
         WHEN 'ami_mode' THEN 'Planted modes: mutual information beyond chance'
         WHEN 'homogeneity_mode' THEN 'Planted modes: homogeneity (an archetype holds one mode)'
         WHEN 'completeness_mode' THEN 'Planted modes: completeness (a mode lies in one archetype)'
         WHEN 'ami_subject' THEN 'Identity: mutual information with the drawn person beyond chance (0 is none)'
         ELSE 'Identity: normalised mutual information with the drawn person (low is good)'
       END AS quantity,
       s.mean, s.sd, s.seeds
FROM scores s
JOIN primary_metrics p ON p.run = s.run AND p.stand_in
WHERE s.method = 'aura'
  AND s.metric IN ('nmi_mode', 'ami_mode', 'homogeneity_mode', 'completeness_mode', 'nmi_subject', 'ami_subject')
ORDER BY s.run, CASE s.metric WHEN 'nmi_mode' THEN 0 WHEN 'ami_mode' THEN 1 WHEN 'homogeneity_mode' THEN 2
         WHEN 'completeness_mode' THEN 3 WHEN 'nmi_subject' THEN 4 ELSE 5 END, s.split DESC
