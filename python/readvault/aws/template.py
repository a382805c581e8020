"""The stack as one plain CloudFormation template, built from dictionaries and nothing else.

Committed as infra/template.json, so that what is deployed can be read and reviewed without running anything; a test
asserts that the two agree. To write it again: `python -m readvault.aws.template > infra/template.json`. It keeps to
what moto can deploy as well as AWS, because that is where it is tested. It is longer than the 51,200 bytes that
CloudFormation takes in a request: it goes by way of a bucket (TemplateURL).
"""

import json
import sys
from typing import Any

from readvault.aws import (
    template_access,
    template_batch,
    template_bulk,
    template_functions,
    template_machine,
    template_messages,
    template_network,
    template_parameters,
    template_store,
    template_watch,
)

_PARTS = (
    template_messages,
    template_functions,
    template_machine,
    template_bulk,
    template_batch,
    template_store,
    template_access,
    template_network,
    template_watch,
)


def build() -> dict[str, Any]:
    """The template."""
    resources: dict[str, Any] = {}
    for part in _PARTS:
        resources |= part.resources()
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Readvault: archives BAM files as they are finished, and keeps a catalog of them",
        "Parameters": template_parameters.parameters(),
        "Mappings": template_parameters.mappings(),
        "Conditions": template_parameters.conditions(),
        "Resources": resources,
        "Outputs": template_parameters.outputs(),
    }


def text() -> str:
    """The template as JSON, always in the same order."""
    return json.dumps(build(), indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
