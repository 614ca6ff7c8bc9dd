-- Rows of `changes` that every validator has read are deleted by the auditor's writer, in batches by xid. It learns nothing of what they say.
GRANT SELECT (id, xid), DELETE ON changes TO jeton_auditor;
