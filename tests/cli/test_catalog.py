"""`readvault catalog`: archives are listed, shown, exported, imported, and compared with the store."""

import csv
import hashlib
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import readvault
from readvault.archive import index
from readvault.catalog.sqlite import change
from readvault.errors import UnsupportedError
from readvault.pipeline.importing import Wanted
from readvault.pipeline.order import Options
from readvault.vault import home
from readvault.vault.home import Vault
from readvault.vault.importing import take
from readvault.vault.jobs import Request

from tests.bam import EOF_BLOCK, Record, bam, bgzf, header

Rv = Callable[..., Any]


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A vault without archives."""
    home.create(str(tmp_path / "v"), key="{project}/{name}.rv").close()
    return tmp_path / "v"


@pytest.fixture
def vault(empty: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A vault with three archives, two of project `trial`: one of these has an index and a mark. Commands use it."""
    monkeypatch.setenv("READVAULT_VAULT", str(empty))
    a = packed(empty / "archives" / "trial" / "a.bam", bam(200, 1))
    b = packed(empty / "archives" / "trial" / "b.bam", bam(100, 2).removesuffix(EOF_BLOCK))
    c = packed(empty / "archives" / "c.bam", bam(50, 3))
    index(b)
    trial = Wanted(project="trial", tags={"lane": "3"}, sample="=1+1")
    with Vault(empty) as opened:
        for path, wanted in ((a, trial), (b, trial), (c, Wanted())):
            take(opened, str(path), wanted)
    return empty


def packed(path: Path, content: bytes) -> Path:
    """The archive of a BAM file that is not there any more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    readvault.compress(path)
    path.unlink()
    return path.with_name(path.name + ".rv")


def lines(done: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def names(done: Any) -> list[str]:
    assert (done.returncode, done.stderr) == (0, b"")
    return [one["name"] for one in lines(done)]


def findings(rv: Rv, *arguments: object) -> tuple[int, dict[str, str]]:
    """The exit code of a check, and for each kind of finding the place of the last."""
    done = rv("catalog", "check", "--json", *arguments)
    *found, last = lines(done)
    assert sum(last["findings"].values()) == len(found)
    return done.returncode, {one["finding"]: Path(one["place"]).name for one in found}


# --- Listing ---------------------------------------------------------------------------------------------------------


def test_archives_are_listed_newest_last(rv: Rv, vault: Path) -> None:
    done = rv("catalog", "ls")
    head, *rows = done.stdout.decode().splitlines()
    assert head.split() == ["name", "project", "sample", "size", "archive", "ratio", "created", "tier", "verified"]
    assert [row.split()[0] for row in rows] == ["a.bam", "b.bam", "c.bam"]
    assert names(rv("catalog", "ls", "--json", "--limit", "2")) == ["b.bam", "c.bam"]
    assert names(rv("catalog", "ls", "--json", "[ab].bam", "c*")) == ["c.bam"]
    assert names(rv("catalog", "ls", "--json", "a.bam", "c*")) == ["a.bam", "c.bam"]


def test_archives_are_found_by_what_they_are_about(rv: Rv, vault: Path) -> None:
    assert names(rv("catalog", "find", "--json", "project=trial", "mark=truncated")) == ["b.bam"]
    assert names(rv("catalog", "find", "--json", "tag.lane=3", "records>100")) == ["a.bam"]
    done = rv("catalog", "find", "--places", "project=")
    assert done.stdout.decode() == f"{vault}/archives/c.bam.rv\n"
    assert rv("catalog", "find", "--count", "project=trial").stdout == b"2\n"
    nothing = rv("catalog", "find", "project=other")
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, b"", b"")
    assert rv("catalog", "find", "colour=red").returncode == 2
    assert rv("catalog", "find", "--count", "--places").returncode == 2


def test_names_cannot_command_the_terminal(rv: Rv, vault: Path) -> None:
    packed(vault / "archives" / "x\u202e.bam", bam(10))
    assert rv("catalog", "import", "-q", vault / "archives").returncode == 0
    for arguments in (["ls"], ["find", "records=10"], ["show", "x*"]):
        done = rv("catalog", *arguments)
        assert "\u202e".encode() not in done.stdout
        assert b"x\\u202e.bam" in done.stdout


def test_without_a_vault_the_remedy_is_told(rv: Rv) -> None:
    done = rv("catalog", "ls")
    assert done.returncode == 5
    assert b"--vault DIR" in done.stderr


# --- One archive -----------------------------------------------------------------------------------------------------


def test_an_archive_is_shown_by_its_name_uuid_place_and_key(rv: Rv, vault: Path) -> None:
    [told] = lines(rv("catalog", "show", "--json", "b.bam"))
    assert told["place"] == f"{vault}/archives/trial/b.bam.rv"
    assert (told["marks"], told["sidecar"], told["verified"]) == (["truncated"], "trial/b.bam.rv.idx", "full")
    assert [line["action"] for line in told["history"]["audit"]] == ["import"]
    assert [event["type"] for event in told["history"]["events"]] == ["archive.recorded"]
    page = rv("catalog", "show", "b.bam").stdout
    assert b"truncated" in page
    assert b"import" in page
    for word in (told["uuid"], told["place"], "v/archives/trial/b.bam.rv", "trial/b.bam.rv"):
        assert rv("catalog", "show", word).stdout == page


def test_what_is_not_there_is_not_shown(rv: Rv, vault: Path) -> None:
    done = rv("catalog", "show", "nothing.bam")
    assert (done.returncode, done.stdout) == (5, b"")
    assert b"nothing that is called nothing.bam" in done.stderr


def test_several_archives_of_one_name_are_listed(rv: Rv, vault: Path) -> None:
    done = rv("catalog", "show", "?.bam")
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 3
    assert b"3 archives" in done.stderr


def test_a_job_is_part_of_the_history(rv: Rv, vault: Path) -> None:
    with Vault(vault) as opened, opened.database.write() as connection:
        entry = next(opened.catalog.find())
        connection.execute(
            "INSERT INTO jobs (id, identity, state, priority, source, version, size, options, submitted) "
            "VALUES (7, 'x', 'done', 0, '/a.bam', '1:1', 1, '{}', 0)"
        )
        connection.execute("INSERT INTO steps VALUES (7, 'compress', 2, 1.0, 3.5, 'ok', 10, 'as ever')")
        change(connection, entry.uuid, job=7)
    page = rv("catalog", "show", entry.uuid).stdout.decode()
    assert "compress, attempt 2: ok, 2.500 s, as ever" in page


# --- Export ----------------------------------------------------------------------------------------------------------


def test_the_catalog_is_exported_as_json(rv: Rv, vault: Path, tmp_path: Path) -> None:
    told = lines(rv("catalog", "find", "--json"))
    assert rv("catalog", "export", "-o", "x.json").returncode == 0
    assert json.loads((tmp_path / "x.json").read_text()) == told
    assert lines(rv("catalog", "export")) == told
    assert json.loads(rv("catalog", "export", "--format", "json", "-o", "-").stdout) == told
    assert rv("catalog", "export", "-o", "x.ndjson", "project=trial").returncode == 0
    assert [json.loads(line) for line in (tmp_path / "x.ndjson").read_text().splitlines()] == told[:2]
    assert json.loads(rv("catalog", "export", "project=other", "--format", "json").stdout) == []


def test_a_table_for_spreadsheets_has_no_formulas(rv: Rv, vault: Path, tmp_path: Path) -> None:
    assert rv("catalog", "export", "-o", "x.csv").returncode == 0
    with open(tmp_path / "x.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["a.bam", "b.bam", "c.bam"]
    assert (rows[0]["sample"], rows[0]["tags"], rows[0]["records"]) == ("'=1+1", '{"lane":"3"}', "200")
    assert (rows[1]["marks"], rows[2]["sidecar"]) == ("truncated", "")
    nothing = rv("catalog", "export", "--format", "csv", "project=other").stdout
    assert nothing.decode().split(",")[0] == "uuid"


def test_the_catalog_is_exported_as_parquet(rv: Rv, vault: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert rv("catalog", "export", "-o", "x.parquet").returncode == 0
    rows = parquet.read_table(tmp_path / "x.parquet").to_pylist()
    assert [row["records"] for row in rows] == [200, 100, 50]
    assert rows[0]["tags"] == [("lane", "3")]
    assert rows[0]["created"].isoformat().endswith("+00:00")
    assert rv("catalog", "export", "--format", "parquet").returncode == 2


def test_without_pyarrow_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from readvault.catalog import export

    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'readvault\[arrow\]'"):
        export.check("parquet")


def test_an_export_replaces_nothing_unasked(rv: Rv, vault: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("mine")
    refused = rv("catalog", "export", "-o", "x.csv")
    assert (refused.returncode, (tmp_path / "x.csv").read_text()) == (1, "mine")
    assert b"-f" in refused.stderr
    assert rv("catalog", "export", "-o", "x.csv", "-f").returncode == 0
    assert (tmp_path / "x.csv").read_text().startswith("uuid,")
    unknown = rv("catalog", "export", "-o", "x.xlsx")
    assert unknown.returncode == 2
    assert b"--format" in unknown.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["v", "x.csv"]


# --- Check -----------------------------------------------------------------------------------------------------------


def test_a_whole_vault_is_good(rv: Rv, vault: Path) -> None:
    done = rv("catalog", "check")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"3 entries" in done.stderr
    assert b"all good" in done.stderr
    for arguments in (["-q"], ["-q", "--digest"], ["-q", "project=trial", "--digest"]):
        done = rv("catalog", "check", *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("chosen", [[], ["project=trial"]], ids=["all", "chosen"])
def test_what_is_missing_or_changed_is_found(rv: Rv, vault: Path, chosen: list[str]) -> None:
    trial = vault / "archives" / "trial"
    (trial / "b.bam.rv.idx").unlink()
    assert findings(rv, *chosen) == (4, {"sidecar": "b.bam.rv.idx"})
    with open(trial / "b.bam.rv", "ab") as file:
        file.write(b"x")
    (trial / "a.bam.rv").unlink()
    code, found = findings(rv, *chosen)
    assert (code, found) == (4, {"sidecar": "b.bam.rv.idx", "changed": "b.bam.rv", "missing": "a.bam.rv"})
    told = rv("catalog", "check", *chosen)
    assert b"is not there any more" in told.stdout
    assert b"1 missing" in told.stderr


def test_a_digest_finds_what_a_length_does_not(rv: Rv, vault: Path) -> None:
    path = vault / "archives" / "c.bam.rv"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert findings(rv) == (0, {})
    assert findings(rv, "--digest") == (4, {"changed": "c.bam.rv"})
    assert findings(rv, "--digest", "name=c.bam") == (4, {"changed": "c.bam.rv"})
    assert findings(rv, "--digest", "project=trial") == (0, {})


def test_what_no_entry_tells_of_is_found(rv: Rv, vault: Path) -> None:
    store = vault / "archives"
    (store / "a.bam.rv.proof.json").write_text("{}")
    (store / "trial" / "a.bam.rv.proof.json").write_text("{}")
    (store / ".c.bam.rv.123.tmp").touch()
    old = store / ".c.bam.rv.124.tmp"
    old.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    assert findings(rv) == (3, {"orphan": "a.bam.rv.proof.json", "left-over": old.name})
    assert findings(rv, "name=*") == (0, {})
    (store / "c.bam.rv").rename(store / "d.bam.rv")
    assert findings(rv) == (4, {"missing": "c.bam.rv", "orphan": "d.bam.rv", "left-over": old.name})


def test_what_a_job_is_at_is_no_orphan(rv: Rv, vault: Path, tmp_path: Path) -> None:
    store = vault / "archives"
    packed(store / "new.bam", bam(20))
    index(store / "new.bam.rv")
    with Vault(vault) as opened:
        opened.queue.submit([Request("/new.bam", "1:1", 1, Options())])
        with opened.database.write() as connection:
            connection.execute("UPDATE jobs SET state = 'running', key = 'new.bam.rv'")
    assert findings(rv) == (0, {})
    refused = rv("catalog", "import", store / "new.bam.rv")
    assert refused.returncode == 1
    assert b"job 1" in refused.stderr
    with Vault(vault) as opened, opened.database.write() as connection:
        connection.execute("UPDATE jobs SET state = 'failed', key = NULL")
    assert findings(rv)[0] == 3


def test_a_reference_that_is_gone_is_found_once(rv: Rv, vault: Path) -> None:
    store = vault / "archives"
    with Vault(vault) as opened:
        for entry in list(opened.catalog.find()):
            opened.catalog.change(entry.uuid, reference="references/0.fa")
    assert findings(rv) == (4, {"reference": "0.fa"})
    assert findings(rv, "name=*") == (4, {"reference": "0.fa"})
    (store / "references").mkdir()
    (store / "references" / "0.fa").touch()
    (store / "references" / "0.fa.fai").touch()
    assert findings(rv) == (0, {})
    # One that nothing leans on is no orphan either, where the vault has put it there.
    (store / "references" / "1.fa").touch()
    assert findings(rv) == (3, {"orphan": "1.fa"})
    with Vault(vault) as opened, opened.database.write() as connection:
        connection.execute("INSERT INTO reference_files VALUES ('/1.fa', '0:0', '0', 'references/1.fa')")
    assert findings(rv) == (0, {})


def test_a_log_that_was_changed_is_found(rv: Rv, vault: Path) -> None:
    log = vault / "audit.jsonl"
    log.write_text(log.read_text().replace("import", "forged", 1))
    assert findings(rv) == (4, {"audit": "audit.jsonl"})
    assert rv("catalog", "show", "a.bam").returncode == 0


def test_a_store_that_is_gone_is_one_error(rv: Rv, vault: Path) -> None:
    (vault / "archives").rename(vault / "elsewhere")
    done = rv("catalog", "check")
    assert (done.returncode, done.stdout) == (5, b"")
    assert b"is its disk mounted" in done.stderr


def test_the_vaults_own_files_are_no_orphans(rv: Rv, vault: Path) -> None:
    settings = vault / "vault.toml"
    settings.write_text(settings.read_text().replace('store = "archives"', 'store = "."'))
    (vault / "events.jsonl").touch()
    code, found = findings(rv)
    assert (code, set(found)) == (3, {"orphan"})
    told = lines(rv("catalog", "check", "--json"))[:-1]
    assert {Path(one["place"]).name for one in told} == {"a.bam.rv", "b.bam.rv", "b.bam.rv.idx", "c.bam.rv"}


# --- Import ----------------------------------------------------------------------------------------------------------


def test_an_import_is_done_once(rv: Rv, vault: Path) -> None:
    done = rv("catalog", "import", vault / "archives", "--json")
    assert done.returncode == 0
    assert {one["known"] for one in lines(done)} == {True}
    assert b"3 known already" in done.stderr
    assert rv("catalog", "find", "--count").stdout == b"3\n"


def test_an_entry_says_what_the_archive_says(rv: Rv, vault: Path) -> None:
    [told] = lines(rv("catalog", "show", "--json", "c.bam"))
    content, kept = bam(50, 3), (vault / "archives" / "c.bam.rv").read_bytes()
    assert (told["size"], told["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert (told["archive_size"], told["archive_sha256"]) == (len(kept), hashlib.sha256(kept).hexdigest())
    assert (told["source"], told["source_version"], told["job"], told["tier"]) == ("", "", None, "hot")
    assert told["verified_full"] is not None


def test_archives_from_elsewhere_are_copied_if_asked_for(rv: Rv, empty: Path, tmp_path: Path) -> None:
    found = packed(tmp_path / "old" / "x.bam", bam(30))
    index(found)
    before = {path: path.read_bytes() for path in found.parent.iterdir()}
    refused = rv("catalog", "import", "--vault", empty, found)
    assert refused.returncode == 2
    assert b"--copy" in refused.stderr
    done = rv("catalog", "import", "--vault", empty, "old", "--copy", "--project", "p", "--verify", "digest", "--json")
    [told] = lines(done)
    assert (told["key"], told["sidecar"], told["verified"]) == ("p/x.bam.rv", "p/x.bam.rv.idx", "imported")
    assert told["verified_full"] is None
    assert (empty / "archives" / "p" / "x.bam.rv").read_bytes() == before[found]
    assert {path: path.read_bytes() for path in found.parent.iterdir()} == before
    assert rv("catalog", "check", "--vault", empty, "-q").returncode == 0


def test_a_copy_that_was_cut_off_before_its_record_is_taken(rv: Rv, empty: Path, tmp_path: Path) -> None:
    found = packed(tmp_path / "old" / "x.bam", bam(30))
    target = empty / "archives" / "x.bam.rv"
    target.write_bytes(found.read_bytes())
    assert rv("catalog", "import", "--vault", empty, found, "--copy").returncode == 0
    other = packed(tmp_path / "new" / "x.bam", bam(31))
    clash = rv("catalog", "import", "--vault", empty, other, "--copy")
    assert clash.returncode == 1
    assert b"name clash" in clash.stderr
    (empty / "archives" / "y.bam.rv").write_bytes(b"mine")
    other = packed(tmp_path / "new" / "y.bam", bam(31))
    clash = rv("catalog", "import", "--vault", empty, other, "--copy")
    assert b"exists and is another file" in clash.stderr
    assert (empty / "archives" / "y.bam.rv").read_bytes() == b"mine"


def test_a_damaged_archive_gets_no_entry_and_the_others_do(rv: Rv, empty: Path) -> None:
    store = empty / "archives"
    packed(store / "good.bam", bam(30))
    bad = packed(store / "bad.bam", bam(40))
    content = bytearray(bad.read_bytes())
    content[len(content) // 2] ^= 1
    bad.write_bytes(content)
    (store / "no.rv").write_bytes(b"something else")
    done = rv("catalog", "import", "--vault", empty, store, "nowhere")
    assert done.returncode == 3
    assert b"bad.bam.rv" in done.stderr
    assert b"no.rv" in done.stderr
    assert b"nowhere" in done.stderr
    assert b"1 imported" in done.stderr
    assert names(rv("catalog", "ls", "--json", "--vault", empty)) == ["good.bam"]


def test_a_sidecar_is_no_archive_and_one_of_another_archive_is_not_taken(rv: Rv, empty: Path) -> None:
    store = empty / "archives"
    first, second = packed(store / "a.bam", bam(30)), packed(store / "b.bam", bam(40))
    index(first)
    refused = rv("catalog", "import", "--vault", empty, f"{first}.idx")
    assert refused.returncode == 2
    assert b"is a sidecar" in refused.stderr
    Path(f"{first}.idx").rename(f"{second}.idx")
    [told] = lines(rv("catalog", "import", "--vault", empty, second, "--json"))
    assert told["sidecar"] is None


def test_an_import_is_in_the_audit_log_and_announced(rv: Rv, vault: Path) -> None:
    with Vault(vault) as opened:
        logged = list(opened.audit.lines())
        assert [line["action"] for line in logged] == ["import"] * 3
        assert logged[0]["detail"]["found"] == f"{vault}/archives/trial/a.bam.rv"
        assert opened.outbox.pending() == 3


def test_a_reference_that_archives_lean_on_is_kept_in_the_store(rv: Rv, empty: Path, tmp_path: Path) -> None:
    genome = "".join(random.Random(5).choices("ACGT", k=20_000))
    fasta = tmp_path / "reference.fa"
    fasta.write_text(f">c1\n{genome}\n")
    reads = [Record(f"r{at}", genome[at : at + 100], bytes([30] * 100), position=at) for at in range(0, 19_000, 50)]
    source = tmp_path / "x.bam"
    content = header({"c1": len(genome)}), b"".join(read.encode() for read in reads)
    source.write_bytes(b"".join(bgzf(one) for one in content) + EOF_BLOCK)
    readvault.compress(source, empty / "archives" / "x.bam.rv", reference=fasta)
    nowhere = {"REF_CACHE": "/nowhere/%s", "READVAULT_VAULT": str(empty)}
    refused = rv("catalog", "import", empty / "archives", env=nowhere)
    assert refused.returncode != 0
    assert b"-T" in refused.stderr
    [told] = lines(rv("catalog", "import", empty / "archives", "-T", fasta, "--json", env=nowhere))
    assert [one["name"] for one in told["references"]] == ["c1"]
    assert (empty / "archives" / told["reference"]).read_bytes() == fasta.read_bytes()
    assert rv("catalog", "check", "-q", env=nowhere).returncode == 0
    assert b"kept as references/" in rv("catalog", "show", "x.bam", env=nowhere).stdout
