"""A vault, opened: the folder with its catalog, queue, outbox, audit log and settings, and the store that it names."""

import os
from pathlib import Path

from readvault import places
from readvault.catalog.database import Database
from readvault.catalog.sqlite import SqliteCatalog
from readvault.errors import InvalidError
from readvault.pipeline.notify import CommandNotifier, FileNotifier, Notifier, WebhookNotifier
from readvault.pipeline.order import Options, key_for
from readvault.vault import audit, settings
from readvault.vault.audit import Audit
from readvault.vault.outbox import Outbox
from readvault.vault.queue import Queue
from readvault.vault.settings import Settings

_CATALOG = "catalog.sqlite"
_RUNNERS = "runners"


class Vault:
    """A vault in `folder`; FileNotFoundError where there is none."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).resolve()
        self.settings: Settings = settings.read(self.folder)
        self.database = Database(self.folder / _CATALOG)
        self.catalog = SqliteCatalog(self.database)
        self.audit = Audit(self.folder / audit.NAME)
        self.outbox = Outbox(
            self.database, self.audit, self.settings.id, self._notifiers(), self.runners / "announcer.lock"
        )
        self.queue = Queue(self.database, self.outbox, self.settings.attempts)
        self._follow()

    @property
    def store(self) -> str:
        """Folder or URL of the archives."""
        return self.settings.store

    @property
    def runners(self) -> Path:
        """Folder of the locks that show which runners live."""
        return self.folder / _RUNNERS

    def _follow(self) -> None:
        """Let the catalog follow a folder of archives that was moved: its entries say where each archive is."""
        row = self.database.read().execute("SELECT store FROM store_place").fetchone()
        before = None if row is None else row["store"]
        # A store that is still there was not moved: its entries stay with it.
        if before == self.store or (before is not None and not places.is_url(before) and Path(before).exists()):
            return
        with self.database.write() as connection:
            connection.execute(
                "INSERT INTO store_place VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET store = excluded.store",
                (self.store,),
            )
            if before is None or places.is_url(before) or places.is_url(self.store):
                return
            connection.execute(
                "UPDATE entries SET store = ?, document = json_set(document, '$.store', ?) WHERE store = ?",
                (self.store, self.store, before),
            )
            connection.execute(
                "UPDATE jobs SET results = json_set(results, '$.plan.store', ?) "
                "WHERE state <> 'done' AND json_extract(results, '$.plan.store') = ?",
                (self.store, before),
            )
            self.audit.append(connection, "move", self.settings.id, before=before, now=self.store)

    def close(self) -> None:
        """Close the catalog."""
        self.database.close()

    def __enter__(self) -> "Vault":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _notifiers(self) -> list[Notifier]:
        wanted: list[Notifier] = []
        if self.settings.announce_file:
            wanted.append(FileNotifier(self.folder / self.settings.announce_file))
        if self.settings.announce_command:
            wanted.append(CommandNotifier(self.settings.announce_command))
        if self.settings.announce_webhook:
            wanted.append(WebhookNotifier(self.settings.announce_webhook))
        return wanted


def create(place: str, *, folder: str | None = None, key: str = settings.KEY) -> Vault:
    """Make a vault at a place: a folder, or a URL whose catalog is then kept in `folder`.

    FileExistsError where there is a vault already; InvalidError for what cannot be one.
    """
    if places.is_url(place) and folder is None:
        raise InvalidError(f"{place}: say with --folder where on this machine the vault's catalog is to be kept")
    key_for(key, "/folder/name.bam", Options(project="project", sample="sample"))
    home = Path(folder if folder is not None else place).resolve()
    written = home / settings.NAME
    if written.exists():
        raise FileExistsError(f"{home} is a vault already")
    store = place.rstrip("/") if places.is_url(place) else "archives" if folder is None else str(Path(place).resolve())
    home.mkdir(parents=True, exist_ok=True)
    if not places.is_url(store):
        (home / store).mkdir(parents=True, exist_ok=True)
    (home / _RUNNERS).mkdir(exist_ok=True)
    # The settings come last: what has them is a whole vault.
    (home / _CATALOG).unlink(missing_ok=True)
    Database(home / _CATALOG, create=True).close()
    with open(written, "x") as file:
        file.write(settings.template(store, key))
    return Vault(home)
