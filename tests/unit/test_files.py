"""Outputs on their way, and what a process that was killed leaves of them."""

import os
from pathlib import Path

import pytest
from readvault import _core
from readvault.files import remains, whole


@pytest.mark.parametrize("name", ["x.rv", "a[b]{1}.rv", "naïve-名" * 7 + ".rv", "y" * 250, "é" * 41])
def test_remains_of_an_output_are_found(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if len(os.fsencode(name)) > 255:
        pytest.skip("no file has such a name")
    target = _core.Target(path)
    target.write(b"half")
    with whole(str(path)) as file:
        file.write(b"half")
        found = remains(str(path))
        assert len(found) == 2
        assert set(found) == set(tmp_path.iterdir())
    assert len(remains(str(path))) == 1
    target.close()
    assert remains(str(path)) == []


def test_remains_of_other_outputs_are_left_alone(tmp_path: Path) -> None:
    long = "sample_of_a_patient_with_a_very_long_name.bam"
    for name in (f"{long}.rv", f"{long}.rv.idx", "x.rv.idx", "ax.rv"):
        assert not list(tmp_path.iterdir())
        target = _core.Target(tmp_path / name)
        assert remains(str(tmp_path / name)) == list(tmp_path.iterdir())
        assert remains(str(tmp_path / "x.rv")) == []
        assert remains(str(tmp_path / f"{long}.rv.old")) == []
        target.close()
    for name in (".x.rv.12345.txt", ".x.rv.abc.tmp", ".x.rv.tmp", "x.rv.123456.tmp", ".x.rv.123-56.tmp"):
        (tmp_path / name).touch()
    assert remains(str(tmp_path / "x.rv")) == []


def test_what_is_nowhere_has_no_remains(tmp_path: Path) -> None:
    assert remains(str(tmp_path / "absent" / "x.rv")) == []
    assert remains("s3://bucket/x.rv") == []
