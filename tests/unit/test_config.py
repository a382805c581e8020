"""Settings of transfers: where they are looked for, and what is wrong with them."""

from pathlib import Path

import pytest
from readvault import config
from readvault.errors import InvalidError


@pytest.fixture(autouse=True)
def settings_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(config, "_made", {})
    monkeypatch.setattr(config, "_settings", None)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_a_program_comes_before_the_environment_and_that_before_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "readvault"
    folder.mkdir()
    text = '[transfers]\nconnections = 5\nmin-part = "64K"\nmax_part = "1MiB"\nanonymous = true\n'
    (folder / "config.toml").write_text(text)
    assert config.current().connections == 5
    assert config.current().min_part == 64 << 10
    assert config.current().anonymous
    monkeypatch.setenv("READVAULT_CONNECTIONS", "7")
    monkeypatch.setenv("READVAULT_MAX_PART", "2M")
    made = config.configure(max_part="4m")
    assert (made.connections, made.min_part, made.max_part) == (7, 64 << 10, 4 << 20)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"conections": 5}, "no setting 'conections'"),
        ({"connections": "many"}, "connections: 'many' is not a number"),
        ({"connections": 0}, "connections: must be"),
        ({"memory": "1K"}, "memory: must be"),
        ({"min_part": "1M", "max_part": "64K"}, "max-part: must be"),
        ({"anonymous": "perhaps"}, "is not yes or no"),
        ({"tags": "project"}, "is not KEY=VALUE"),
        ({"memory": "-1"}, "is not a number"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        config.configure(**settings)


def test_a_file_that_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    monkeypatch.setenv("READVAULT_CONFIG", str(path))
    with pytest.raises(FileNotFoundError, match=r"mine\.toml"):
        config.current()
    path.write_text("[transfers")
    with pytest.raises(InvalidError, match=r"mine\.toml: is no TOML"):
        config.current()
    path.write_text("[transfers]\nspeed = 5\n")
    with pytest.raises(InvalidError, match=r"mine\.toml: .*no setting 'speed'"):
        config.current()


def test_sizes_are_read_as_people_write_them() -> None:
    assert [config.size(text) for text in ("8", "8k", "8KiB", "1.5M", "2GB", 7)] == [
        8,
        8192,
        8192,
        3 << 19,
        2 << 30,
        7,
    ]
