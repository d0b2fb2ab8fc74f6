-- What the paper's Tables 4 and 5 are made of: one row for each setting of the loss weights (varied = 'weights') or of the
-- margin (varied = 'margin'), the settings that are not varied left out; for each task the primary metric on the test split
-- and the epoch of convergence. A cell comes from one run: where several runs of a task have the same setting, they stand in
-- further rows. Only the runs of a study (or, outside of studies, of a database) in which the setting varies.
WITH told AS (
  SELECT 'weights' AS varied, lambda_proj, lambda_arc, lambda_contx, CAST(NULL AS DOUBLE) AS margin,
         concat_ws(' ', lambda_proj, lambda_arc, lambda_contx) AS setting,
         run, stand_in, study, dataset, task, value, value_sd, epoch, epoch_sd
  FROM run_settings
  UNION ALL
  SELECT 'margin', NULL, NULL, NULL, margin, CAST(margin AS VARCHAR),
         run, stand_in, study, dataset, task, value, value_sd, epoch, epoch_sd
  FROM run_settings
),
studies AS (
  SELECT varied, study, dataset FROM told GROUP BY varied, study, dataset HAVING count(DISTINCT setting) > 1
),
cells AS (
  SELECT t.*, row_number() OVER (PARTITION BY t.varied, t.setting, t.task ORDER BY t.study, t.dataset, t.run) AS place
  FROM told t
  JOIN studies s ON s.varied = t.varied AND s.study = t.study AND s.dataset = t.dataset
)
SELECT varied, place, lambda_proj, lambda_arc, lambda_contx, margin,
       string_agg(run, ', ' ORDER BY run) AS run, bool_or(stand_in) AS stand_in,
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
GROUP BY varied, place, lambda_proj, lambda_arc, lambda_contx, margin
