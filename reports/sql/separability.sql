-- How well the classes lie apart, and how far the maps keep the neighbours; the first seed's maps.
SELECT s.run, s.place,
       CASE s.space WHEN 'archetypes' THEN 'archetypes' WHEN 'aura' THEN 'AURA, test samples'
                    WHEN 'encoder' THEN r.encoder || ', test samples' ELSE s.space || ', test samples' END AS space,
       max(s.n) FILTER (WHERE s.measure <> 'trustworthiness') AS points,
       max(CASE WHEN s.measure = 'silhouette' THEN s.value END) AS silhouette,
       max(CASE WHEN s.measure = 'purity' THEN s.value END) AS purity,
       max(CASE WHEN s.measure = 'silhouette_map' THEN s.value END) AS silhouette_map,
       max(CASE WHEN s.measure = 'purity_map' THEN s.value END) AS purity_map,
       max(CASE WHEN s.measure = 'trustworthiness' THEN s.value END) AS trustworthiness
FROM separability s JOIN runs r ON s.run = r.run
GROUP BY s.run, s.place, s.space, r.encoder
ORDER BY s.run, s.place
