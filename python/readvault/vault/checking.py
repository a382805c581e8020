"""A vault compared with itself: its catalog with its store, then the audit log with itself."""

from collections.abc import Iterator

from readvault.catalog.model import Condition
from readvault.catalog.sqlite import SqliteCatalog
from readvault.errors import DamagedError
from readvault.pipeline import comparing
from readvault.pipeline.comparing import Checked, Hear
from readvault.pipeline.findings import Finding
from readvault.vault.home import Vault

# Jobs that may have put something into the store which no entry tells of yet.
_IN_WORK = "('queued', 'waiting', 'running')"


def compare(
    vault: Vault,
    conditions: tuple[Condition, ...] = (),
    *,
    digest: bool = False,
    hear: Hear | None = None,
    checked: Checked | None = None,
) -> Iterator[Finding]:
    """Compare entries with the store, all of them unless conditions choose some; then the audit log with itself.

    `digest` also reads every archive and compares its SHA-256.
    """
    yield from comparing.compare(_Held(vault), conditions, digest=digest, hear=hear, checked=checked)
    try:
        vault.audit.check(vault.database.read())
    except DamagedError as error:
        yield Finding("audit", str(vault.audit.path), str(error))


class _Held:
    """A vault, as it is compared with its store."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    @property
    def catalog(self) -> SqliteCatalog:
        return self._vault.catalog

    @property
    def store(self) -> str:
        return self._vault.store

    @property
    def own(self) -> tuple[str, ...]:
        """They are in the store where that is around the vault's folder."""
        vault = self._vault
        names = ["vault.toml", vault.database.path.name, vault.audit.path.name, vault.runners.name + "/"]
        return tuple(str(vault.folder / name) for name in [*names, vault.settings.announce_file or names[0]])

    def kept(self) -> Iterator[str]:
        read = self._vault.database.read()
        for row in read.execute(f"SELECT key FROM jobs WHERE state IN {_IN_WORK} AND key IS NOT NULL").fetchall():  # noqa: S608
            yield str(row["key"])
        for row in read.execute("SELECT key FROM reference_files").fetchall():
            yield from comparing.reference_and_beside(row["key"])
