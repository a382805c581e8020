"""The image of the jobs: the repository that it is kept in, and how it is built and pushed.

There may be no engine where the stack is deployed from, so the commands can also be told and run elsewhere.
"""

import base64
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import readvault
from readvault.aws import clients
from readvault.aws.account import Account
from readvault.errors import UnsupportedError

REPOSITORY = "readvault-job"
DOCKERFILE = "infra/Dockerfile"
# Machines of the jobs are x86, whatever this one is.
_PLATFORM = "linux/amd64"
_ENGINES = ("docker", "podman")


@dataclass(frozen=True, slots=True)
class Image:
    """Where the image goes."""

    repository: str
    tag: str

    @property
    def name(self) -> str:
        """The image with its tag."""
        return f"{self.repository}:{self.tag}"

    @property
    def registry(self) -> str:
        """The host of the repository."""
        return self.repository.split("/", 1)[0]


def repository(account: Account) -> Image:
    """The place of this version's image. The repository is made where there is none."""
    ecr = clients.client("ecr")
    try:
        found = ecr.describe_repositories(repositoryNames=[REPOSITORY])["repositories"][0]
    except ecr.exceptions.RepositoryNotFoundException:
        found = ecr.create_repository(
            repositoryName=REPOSITORY,
            imageTagMutability="MUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
        )["repository"]
    place = found.get("repositoryUri") or (f"{account.number}.dkr.ecr.{account.region}.{account.domain}/{REPOSITORY}")
    return Image(str(place), readvault.__version__)


def engine() -> str | None:
    """The program that builds images here, if there is one."""
    return next((name for name in _ENGINES if shutil.which(name)), None)


def commands(image: Image, account: Account, program: str | None = None, source: str = ".") -> list[str]:
    """What is to be typed to build and push the image, in the folder of Readvault's sources."""
    named = program or _ENGINES[0]
    login = [named, "login", "--username", "AWS", "--password-stdin", image.registry]
    return [
        f"aws ecr get-login-password --region {account.region} | {shlex.join(login)}",
        shlex.join(_build(named, image, source)),
        shlex.join([named, "push", image.name]),
    ]


def push(image: Image, source: Path) -> str:
    """Build the image and push it; gives its name with its digest."""
    program = engine()
    if program is None:
        raise UnsupportedError(f"--push needs {' or '.join(_ENGINES)}, and neither is here")
    if not (source / DOCKERFILE).is_file():
        raise FileNotFoundError(f"{source / DOCKERFILE}: --context names the folder of Readvault's sources")
    given = clients.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    password = base64.b64decode(given).decode().partition(":")[2]
    _run([program, "login", "--username", "AWS", "--password-stdin", image.registry], input=password, text=True)
    _run(_build(program, image, str(source)))
    _run([program, "push", image.name])
    return pushed(image) or image.name


def pushed(image: Image) -> str | None:
    """The image in the repository by its digest; None where it is not there."""
    ecr = clients.client("ecr")
    try:
        found = ecr.describe_images(repositoryName=REPOSITORY, imageIds=[{"imageTag": image.tag}])["imageDetails"]
    except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
        return None
    return f"{image.repository}@{found[0]['imageDigest']}" if found else None


def _build(program: str, image: Image, source: str) -> list[str]:
    return [
        program, "build", "--platform", _PLATFORM, "--build-arg", f"VERSION={image.tag}",
        "-f", str(Path(source) / DOCKERFILE), "-t", image.name, source,
    ]  # fmt: skip


def _run(command: list[str], **more: Any) -> None:
    try:
        subprocess.run(command, check=True, **more)  # noqa: S603 - our own words, and the engine that was found
    except subprocess.CalledProcessError as error:
        raise OSError(f"{shlex.join(command[:2])} failed with {error.returncode}: see above") from None
