"""The pipeline as a fleet on AWS: the same steps as the vault's, run by Batch, driven by Step Functions, joined by
queues.

`handlers` is what the Lambda functions run and `job` what the containers run; all others are their parts. A function
has the package without its native module: nothing that `handlers` imports may need it.
"""
