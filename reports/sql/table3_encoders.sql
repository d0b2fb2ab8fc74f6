-- The paper's Table 3: AURA on frozen features against fine-tuning of the same encoder, on the test split; one row for an
-- encoder and a method, one column for a task. Cells come from one run each: where several runs have the same encoder,
-- method and task, they stand in further rows. gain: AURA minus the fine-tuned encoder of the same run, seed by seed.
-- Only where runs differ in the encoder or hold a fine-tuned one.
WITH cells AS (
  SELECT s.run, p.task, p.encoder, p.stand_in, s.method, s.mean AS value, s.sd AS value_sd,
         CASE WHEN s.method = 'aura' THEN l.lead END AS gain,
         row_number() OVER (PARTITION BY p.encoder, s.method, p.task ORDER BY s.run) AS place
  FROM scores s
  JOIN primary_metrics p ON p.run = s.run AND p.metric = s.metric
  LEFT JOIN leads l ON l.run = s.run AND l.method = 'finetune'
  WHERE s.split = 'test' AND s.method IN ('aura', 'finetune')
)
SELECT string_agg(run, ', ' ORDER BY run) AS run, bool_or(stand_in) AS stand_in, encoder, method,
       max(value) FILTER (WHERE task = 'expression') AS acc, max(value_sd) FILTER (WHERE task = 'expression') AS acc_sd,
       max(gain) FILTER (WHERE task = 'expression') AS acc_gain,
       max(value) FILTER (WHERE task = 'valence_arousal') AS ccc,
       max(value_sd) FILTER (WHERE task = 'valence_arousal') AS ccc_sd,
       max(gain) FILTER (WHERE task = 'valence_arousal') AS ccc_gain,
       max(value) FILTER (WHERE task = 'action_units') AS f1, max(value_sd) FILTER (WHERE task = 'action_units') AS f1_sd,
       max(gain) FILTER (WHERE task = 'action_units') AS f1_gain
FROM cells
WHERE (SELECT count(DISTINCT encoder) FROM cells) > 1 OR (SELECT count(*) FROM cells WHERE method = 'finetune') > 0
GROUP BY encoder, method, place
ORDER BY encoder, place, method DESC
