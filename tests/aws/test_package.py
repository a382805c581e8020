"""The zip of the functions."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

from readvault.aws.package import function_zip
from readvault.aws.template_functions import FUNCTIONS


def test_it_is_the_same_each_time() -> None:
    assert function_zip() == function_zip()


def test_it_holds_the_package_and_nothing_that_was_compiled() -> None:
    names = zipfile.ZipFile(io.BytesIO(function_zip())).namelist()
    assert {"readvault/__init__.py", "readvault/aws/handlers.py"} < set(names)
    assert all(name.startswith("readvault/") and name.endswith(".py") for name in names)


def test_every_function_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "code.zip").write_bytes(function_zip())
    look = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'code.zip')!r}); from readvault.aws import handlers; "
        f"print(handlers.__file__); [getattr(handlers, name) for name in {[one.handler for one in FUNCTIONS.values()]}]"
    )
    done = subprocess.run([sys.executable, "-I", "-c", look], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "code.zip" in done.stdout
