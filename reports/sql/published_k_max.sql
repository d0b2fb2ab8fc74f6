-- The numbers of a run that stand beside the paper's Table 2; the primary metric in per cent.
SELECT t.run, t.seeds, t.k_max, z.mean AS k_stable, z.sd AS k_stable_sd, 100 * t.value AS value, 100 * t.value_sd AS value_sd,
       t.epoch, t.epoch_sd, g.mean AS gflops,
       a.anger, a.anger_sd, a.disgust, a.disgust_sd, a.fear, a.fear_sd, a.happiness, a.happiness_sd, a.neutral, a.neutral_sd,
       a.sadness, a.sadness_sd, a.surprise, a.surprise_sd
FROM run_settings t
LEFT JOIN scores z ON z.run = t.run AND z.method = 'aura' AND z.metric = 'k_stable'
LEFT JOIN scores g ON g.run = t.run AND g.method = 'aura' AND g.metric = 'gflops'
LEFT JOIN (
  SELECT run,
         max(assigned) FILTER (WHERE class_name = 'anger') AS anger, max(assigned_sd) FILTER (WHERE class_name = 'anger') AS anger_sd,
         max(assigned) FILTER (WHERE class_name = 'disgust') AS disgust, max(assigned_sd) FILTER (WHERE class_name = 'disgust') AS disgust_sd,
         max(assigned) FILTER (WHERE class_name = 'fear') AS fear, max(assigned_sd) FILTER (WHERE class_name = 'fear') AS fear_sd,
         max(assigned) FILTER (WHERE class_name = 'happiness') AS happiness, max(assigned_sd) FILTER (WHERE class_name = 'happiness') AS happiness_sd,
         max(assigned) FILTER (WHERE class_name = 'neutral') AS neutral, max(assigned_sd) FILTER (WHERE class_name = 'neutral') AS neutral_sd,
         max(assigned) FILTER (WHERE class_name = 'sadness') AS sadness, max(assigned_sd) FILTER (WHERE class_name = 'sadness') AS sadness_sd,
         max(assigned) FILTER (WHERE class_name = 'surprise') AS surprise, max(assigned_sd) FILTER (WHERE class_name = 'surprise') AS surprise_sd
  FROM class_allocation_seeds GROUP BY run
) a ON a.run = t.run
ORDER BY t.run
