-- The paper's Table 4: primary metric on the test split and epoch of convergence for each setting of the loss weights; one row for
-- a setting, one pair of columns for a task. Cells come from one run each: where several runs of a task have the same
-- setting, they stand in further rows. Only the runs of a study (or, outside of studies, of a database) in which it varies.
WITH varied AS (
  SELECT study, dataset FROM run_settings GROUP BY study, dataset HAVING count(DISTINCT CAST(lambda_proj AS VARCHAR) || ' ' || CAST(lambda_arc AS VARCHAR) || ' ' || CAST(lambda_contx AS VARCHAR)) > 1
),
cells AS (
  SELECT t.*, row_number() OVER (PARTITION BY t.lambda_proj, t.lambda_arc, t.lambda_contx, t.task ORDER BY t.study, t.dataset, t.run) AS place
  FROM run_settings t
  JOIN varied v ON v.study = t.study AND v.dataset = t.dataset
)
SELECT string_agg(run, ', ' ORDER BY run) AS run, bool_or(stand_in) AS stand_in, lambda_proj, lambda_arc, lambda_contx,
       max(value) FILTER (WHERE task = 'expression') AS acc, max(value_sd) FILTER (WHERE task = 'expression') AS acc_sd,
       max(epoch) FILTER (WHERE task = 'expression') AS acc_epoch,
       max(epoch_sd) FILTER (WHERE task = 'expression') AS acc_epoch_sd,
       max(value) FILTER (WHERE task = 'action_units') AS f1, max(value_sd) FILTER (WHERE task = 'action_units') AS f1_sd,
       max(epoch) FILTER (WHERE task = 'action_units') AS f1_epoch,
       max(epoch_sd) FILTER (WHERE task = 'action_units') AS f1_epoch_sd,
       max(value) FILTER (WHERE task = 'valence_arousal') AS ccc,
       max(value_sd) FILTER (WHERE task = 'valence_arousal') AS ccc_sd,
       max(epoch) FILTER (WHERE task = 'valence_arousal') AS ccc_epoch,
       max(epoch_sd) FILTER (WHERE task = 'valence_arousal') AS ccc_epoch_sd
FROM cells
GROUP BY lambda_proj, lambda_arc, lambda_contx, place
ORDER BY abs(lambda_proj - 1) + abs(lambda_arc - 1) + abs(lambda_contx - 1) > 0, lambda_proj = 1, lambda_arc = 1, lambda_proj, lambda_arc, lambda_contx, place
