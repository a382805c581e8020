"""Step Functions: the language of state machines as moto's interpreter runs it, with what it leaves out.

Added: a template's machines are run and have their substitutions; requests and answers have the names that the language
gives them; an end may have the name of any error that was caught. What takes long is done once: reading a definition,
making clients, asking for jobs that still run. A name is refused that a run had before, for 90 days on AWS and here for
ever.
"""

import sys
import threading
from functools import cache
from typing import Any

import botocore.session
from moto.batch.models import batch_backends
from moto.core.config import default_user_config
from moto.stepfunctions import models as machines
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_batch import (
    StateTaskServiceBatch,
)
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.stepfunctions.parser.utils import camel_to_snake_case

from tests.aws.emulator_ground import ACCOUNT, REGION, instead

default_user_config["stepfunctions"] = {"execute_state_machine": True}
# A template's machines go where machines are run.
setattr(machines, "stepfunctions_backends", stepfunctions_parser_backends)  # noqa: B010

_make_machine: Any = machines.StateMachine.create_from_cloudformation_json


@instead(machines.StateMachine, "create_from_cloudformation_json", of_class=True)
def _machine(cls: Any, name: str, given: dict[str, Any], *where: Any, **more: Any) -> Any:
    properties = dict(given["Properties"])
    for known, value in properties.pop("DefinitionSubstitutions", {}).items():
        properties["DefinitionString"] = properties["DefinitionString"].replace(f"${{{known}}}", str(value))
    return _make_machine.__func__(cls, name, {**given, "Properties": properties}, *where, **more)


@cache
def _operation(service: str, action: str) -> Any:
    """What botocore knows of a request."""
    model = botocore.session.get_session().get_service_model(service)
    wanted = camel_to_snake_case(action)
    return next(model.operation_model(one) for one in model.operation_names if camel_to_snake_case(one) == wanted)


def _asked(self: Any, service: str | None, action: str | None) -> Any:
    return _operation(self._get_boto_service_name(service), action or self.resource.api_action)


@instead(StateTaskService, "_normalise_parameters")
def _request(
    self: Any, parameters: Any, boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    """The language writes JobName where the API has jobName."""
    shape = _asked(self, boto_service_name, service_action_name).input_shape
    if shape is not None:
        self._to_boto_request(parameters, shape)


@instead(StateTaskService, "_normalise_response")
def _response(
    self: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    shape = _asked(self, boto_service_name, service_action_name).output_shape
    if shape is not None:
        self._from_boto_response(response, shape)


@instead(CustomErrorName, "__init__")
def _name_of_error(self: Any, error_name: str | None) -> None:
    """moto lets no state end with an error of the language's own, such as States.TaskFailed; AWS passes it on."""
    ErrorName.__init__(self, error_name)


# --- What takes long ------------------------------------------------------------------------------------------------

_parse: Any = AmazonStateLanguageParser.parse


@cache
def _tree(definition: str) -> Any:
    """A definition as it is read, which takes a fifth of a second; what runs it is made of that anew each time."""
    return _parse(definition)[1]


@instead(AmazonStateLanguageParser, "parse")
def _program(definition: str) -> Any:
    tree = _tree(definition)
    return Preprocessor().visit(tree), tree


_ask: Any = StateTaskServiceBatch._build_sync_resolver


@instead(StateTaskServiceBatch, "_build_sync_resolver")
def _waiting(self: Any, env: Any, *more: Any, **named: Any) -> Any:
    """Asks Batch for a job that has ended; every run that waits asks twice a second."""
    job = batch_backends[ACCOUNT][REGION]._jobs[env.stack[-1]["JobId"]]
    ask = _ask(self, env, *more, **named)
    return lambda: ask() if job.status in ("SUCCEEDED", "FAILED") else None


# A client for each state of each run takes more time than what the state does.
_client_for = boto_client.boto_client_for
_clients = threading.Lock()
_by_service = cache(lambda region, service: _client_for(region=region, service=service))


def _kept_client(region: str, service: str, state_credentials: Any = None) -> Any:
    with _clients:
        return _by_service(region, service)


for _module in list(sys.modules.values()):
    if getattr(_module, "boto_client_for", None) is _client_for:
        setattr(_module, "boto_client_for", _kept_client)  # noqa: B010
