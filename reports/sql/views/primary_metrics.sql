-- What a run is judged by, and how many seeds and folds a whole number has.
SELECT run, dataset, task, encoder, stand_in, study,
       CASE task WHEN 'expression' THEN 'acc' WHEN 'valence_arousal' THEN 'ccc_va' ELSE 'f1_avg' END AS metric,
       CAST(array_length(seeds) AS BIGINT) AS seeds,
       CASE WHEN coalesce(array_length(folds), 0) = 0 THEN 1 ELSE CAST(array_length(folds) AS BIGINT) END AS folds
FROM runs
