-- The numbers of a run that stand beside the paper's Tables 4 and 5: the settings that these vary, the primary metric in
-- per cent and the epoch of convergence.
SELECT run, seeds, lambda_proj AS proj, lambda_arc AS arc, lambda_contx AS contx, margin AS m,
       100 * value AS value, 100 * value_sd AS value_sd, epoch, epoch_sd
FROM run_settings
ORDER BY run
