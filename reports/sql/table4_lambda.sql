-- The paper's Table 4: one row for each setting of the loss weights, the paper's default first (view `varied_settings`).
SELECT run, stand_in, lambda_proj, lambda_arc, lambda_contx, acc, acc_sd, acc_epoch, acc_epoch_sd, f1, f1_sd, f1_epoch,
       f1_epoch_sd, ccc, ccc_sd, ccc_epoch, ccc_epoch_sd
FROM varied_settings
WHERE varied = 'weights'
ORDER BY abs(lambda_proj - 1) + abs(lambda_arc - 1) + abs(lambda_contx - 1) > 0, lambda_proj = 1, lambda_arc = 1, lambda_proj,
         lambda_arc, lambda_contx, place
