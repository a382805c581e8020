"""The image of the jobs, as far as that can be told without building it: no engine is needed here."""

import fnmatch
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from readvault.aws.template_batch import JOB_USER

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKERFILE = ROOT / "infra" / "Dockerfile"
HADOLINT = Path(sys.executable).parent / "hadolint"


def instructions() -> list[tuple[str, str]]:
    """Instructions and their arguments, lines that go on joined, comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name.upper(), rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


INSTRUCTIONS = instructions()
STAGES = [number for number, (name, _) in enumerate(INSTRUCTIONS) if name == "FROM"]
LAST_STAGE = INSTRUCTIONS[STAGES[-1] :]


def all_of(name: str, among: list[tuple[str, str]] = INSTRUCTIONS) -> list[str]:
    return [rest for one, rest in among if one == name]


def test_the_image_is_built_in_stages_and_the_last_has_no_compiler() -> None:
    assert len(STAGES) >= 2
    assert "-slim" in all_of("FROM")[-1]
    assert not any("apt-get" in run for run in all_of("RUN", LAST_STAGE))


def test_base_images_are_pinned() -> None:
    for base in all_of("FROM"):
        image = base.split()[0]
        assert "@sha256:" in image or re.search(r":\d+\.\d+\.\d+-", image), image
        assert ":latest" not in image


def test_the_builder_has_the_rust_that_the_workspace_asks_for() -> None:
    wanted = re.search(r'^rust-version = "([\d.]+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert wanted is not None
    assert all_of("FROM")[0].startswith(f"rust:{wanted[1]}.")


def test_the_image_runs_as_nobody_of_the_system() -> None:
    (user,) = all_of("USER")
    assert user.split(":")[0] == JOB_USER
    assert int(JOB_USER) > 999
    assert f"--uid {JOB_USER} " in " ".join(all_of("RUN", LAST_STAGE))


def test_nothing_is_added_from_elsewhere() -> None:
    assert not all_of("ADD")
    for run in all_of("RUN"):
        assert "curl" not in run and "wget" not in run and "http" not in run, run


def test_what_is_installed_is_pinned_by_hash_or_ours() -> None:
    installs = [run for run in all_of("RUN") if "pip install" in run]
    assert installs
    for run in installs:
        assert "--require-hashes" in run or ("--no-index" in run and "--no-deps" in run), run
        assert "--no-cache-dir" in run
    assert any("--locked" in run for run in all_of("RUN"))


def test_the_excerpt_of_pinned_packages_is_maturin() -> None:
    (run,) = (run for run in all_of("RUN") if "--require-hashes" in run)
    words = shlex.split(run)
    excerpt = subprocess.run(
        ["sed", "-n", words[words.index("sed") + 2], str(ROOT / "requirements" / "dev.txt")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.match(r"maturin==\d+\.\d+\.\d+ \\\n", excerpt)
    assert "--hash=sha256:" in excerpt
    assert re.findall(r"^\S+==", excerpt, re.MULTILINE) == ["maturin=="]


def test_no_caches_of_packages_are_left() -> None:
    for run in all_of("RUN"):
        assert "apt-get update" not in run or "rm -rf /var/lib/apt/lists/*" in run


def test_the_image_says_what_it_is() -> None:
    labels = " ".join(all_of("LABEL"))
    for name in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in labels
    assert all_of("HEALTHCHECK") == ["NONE"]
    assert all_of("STOPSIGNAL") == ["SIGTERM"]


def test_the_entry_point_is_the_job() -> None:
    # As a list: no shell stands between Batch's signals and the job.
    assert all_of("ENTRYPOINT") == ['["python", "-m", "readvault.aws.job"]']


def sent(path: str) -> bool:
    """Whether a path is in the build's context, by .dockerignore's rules: the last that matches decides."""
    found = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        rule = line.removeprefix("!")
        parts = Path(path).parts
        prefixes = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        if rule.startswith("**/"):
            hit = any(fnmatch.fnmatch(part, rule[3:]) for part in parts)
        else:
            hit = any(fnmatch.fnmatch(prefix, rule) for prefix in prefixes if prefix.count("/") == rule.count("/"))
        if hit:
            found = line.startswith("!")
    return found


def test_the_context_has_what_is_copied_and_little_else() -> None:
    for copy in all_of("COPY"):
        for source in copy.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert sent(source), source
    assert sent("crates/core/src/lib.rs") and sent("python/readvault/__init__.py")
    for path in (".git/config", "target/release/x", ".venv/bin/python", "tests/bam.py", "python/readvault/_core.so"):
        assert not sent(path), path


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint is not installed")
def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run([str(HADOLINT), str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
