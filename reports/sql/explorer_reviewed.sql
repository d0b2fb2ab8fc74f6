-- Labels of the run that were reviewed before (`protocol.relabel`), with what the database itself says.
SELECT run, sample_id, output, "from", decision, "to"
FROM relabelled
ORDER BY run, sample_id, output
