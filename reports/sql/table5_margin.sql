-- The paper's Table 5: one row for each margin m of the archetype regularisation (view `varied_settings`).
SELECT run, stand_in, margin, acc, acc_sd, acc_epoch, acc_epoch_sd, f1, f1_sd, f1_epoch, f1_epoch_sd, ccc, ccc_sd, ccc_epoch,
       ccc_epoch_sd
FROM varied_settings
WHERE varied = 'margin'
ORDER BY margin, place
