"""The audit log: nothing can be changed or taken out without being seen, and crashes do not break it."""

import json
import threading
from pathlib import Path

import pytest
from readvault.errors import DamagedError
from readvault.vault.home import Vault


def append(vault: Vault, action: str) -> str:
    with vault.database.write() as connection:
        return vault.audit.append(connection, action, "subject", number=1)


def check(vault: Vault) -> int:
    return vault.audit.check(vault.database.read())


def test_lines_say_who_did_what_and_when_and_hold_together(vault: Vault) -> None:
    hashes = [append(vault, action) for action in ("one", "two", "three")]
    lines = list(vault.audit.lines())
    assert [line["action"] for line in lines] == ["one", "two", "three"]
    assert [line["hash"] for line in lines] == hashes
    assert [line["before"] for line in lines[1:]] == hashes[:2]
    assert "@" in lines[0]["who"]
    assert check(vault) == 3


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("how", ["changed", "taken out", "swapped"])
def test_a_line_that_is_tampered_with_is_found(vault: Vault, number: int, how: str) -> None:
    for action in ("one", "two", "three"):
        append(vault, action)
    lines = vault.audit.path.read_bytes().splitlines(keepends=True)
    if how == "changed":
        line = json.loads(lines[number])
        line["who"] = "nobody"
        lines[number] = json.dumps(line).encode() + b"\n"
    elif how == "taken out":
        del lines[number]
    else:
        lines[number], lines[number - 1] = lines[number - 1], lines[number]
    vault.audit.path.write_bytes(b"".join(lines))
    with pytest.raises(DamagedError, match=r"audit\.jsonl"):
        check(vault)


def test_a_log_that_was_written_anew_is_found_by_the_catalogs_head(vault: Vault, tmp_path: Path) -> None:
    append(vault, "deletes everything")
    vault.audit.path.unlink()
    with pytest.raises(DamagedError):
        check(vault)
    with pytest.raises(DamagedError, match="shorter"):
        append(vault, "goes on")


def test_a_line_whose_transaction_was_lost_stays_and_the_chain_goes_on(vault: Vault) -> None:
    append(vault, "one")
    with pytest.raises(ZeroDivisionError), vault.database.write() as connection:
        vault.audit.append(connection, "lost", "subject")
        raise ZeroDivisionError
    append(vault, "two")
    assert [line["action"] for line in vault.audit.lines()] == ["one", "lost", "two"]
    assert check(vault) == 3


def test_a_line_that_was_cut_off_was_never_written(vault: Vault) -> None:
    append(vault, "one")
    with open(vault.audit.path, "ab") as file:
        file.write(b'{"number": 2, "time": "20')
    assert check(vault) == 1
    append(vault, "two")
    assert [line["action"] for line in vault.audit.lines()] == ["one", "two"]
    assert check(vault) == 2


def test_several_writers_make_one_chain(vault: Vault) -> None:
    def work(name: str) -> None:
        for _ in range(20):
            append(vault, name)

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert check(vault) == 80
