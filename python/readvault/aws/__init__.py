"""The pipeline on AWS: one CloudFormation stack whose functions and jobs do what a vault's runner does on one machine.

Same steps, same work orders, same entries; queue, catalog and workers are AWS's. Nothing else in the package knows
boto3, save `readvault.catalog.dynamodb`.
"""
