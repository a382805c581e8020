"""What a user submits, as requests: files, folders, patterns, objects, prefixes of stores, and lists of them, one at a
time and in constant memory.
"""

import fnmatch
import glob
import os
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice

from readvault import objects, places, report
from readvault.errors import InvalidError
from readvault.pipeline.order import Options
from readvault.vault.jobs import Request

# The version of a source that was not there when it was submitted.
MISSING = "missing"
# Objects that are looked at together: a request takes tens of milliseconds, most of them waiting.
_TOGETHER = 32
# What lists may say of a source besides its place, after tabs: `sample=NA12878`. Anything else is a tag.
_FIELDS = ("project", "sample", "name")
# Files of our own, which are not compressed again.
_OURS = (".rv", ".rv.idx", ".rv.proof.json")


def requests(sources: Iterable[str], options: Options, *, include: Iterable[str] = ("*.bam",)) -> Iterator[Request]:
    """The requests that sources stand for. `include`: patterns of the names that are taken from folders and prefixes.

    A source that is not there gives a request with a failure; InvalidError for what can be no source.
    """
    patterns = tuple(include)
    window: list[str] = []
    for source in sources:
        if places.is_url(source) and not source.endswith("/"):
            window.append(source)
            if len(window) < _TOGETHER:
                continue
        yield from _objects(window, options, patterns)
        window = []
        if not places.is_url(source):
            yield from _files(source, options, patterns)
        elif source.endswith("/"):
            yield from _below(source, options, patterns)
    yield from _objects(window, options, patterns)


def listed(lines: Iterable[str], options: Options) -> Iterator[Request]:
    """The requests of a list: a path or URL a line, and what is to be known of it after tabs, as KEY=VALUE.

    Empty lines and those that start with # are left out.
    """
    wanted = (line.rstrip("\r\n") for line in lines)
    pairs = (_line(line, options) for line in wanted if line.strip() and not line.startswith("#"))
    while window := list(islice(pairs, _TOGETHER)):
        yield from _looked_at(window)


def _line(line: str, options: Options) -> tuple[str, Options]:
    source, *more = line.split("\t")
    known: dict[str, str] = {}
    tags: dict[str, str] = dict(options.tags)
    for pair in filter(None, more):
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise InvalidError(f"the list says {pair!r} of {source}: that is not KEY=VALUE")
        (known if key in _FIELDS else tags)[key] = value
    made = {name: getattr(options, name) for name in Options.__slots__}
    return source, Options(**{**made, **known, "tags": tags})


def _objects(urls: list[str], options: Options, patterns: tuple[str, ...]) -> Iterator[Request]:
    """Objects; a URL that names none may be a prefix."""
    for request in _looked_at([(url, options) for url in urls]):
        if request.failure is None:
            yield request
            continue
        found = _below(request.source + "/", options, patterns)
        first = next(found, None)
        yield from [request] if first is None else chain([first], found)


def _looked_at(window: list[tuple[str, Options]]) -> Iterator[Request]:
    """Requests for single sources."""
    if sum(places.is_url(source) for source, _ in window) < 2:
        yield from (_one(source, options) for source, options in window)
        return
    with ThreadPoolExecutor(_TOGETHER) as pool:
        yield from pool.map(lambda pair: _one(*pair), window)


def _one(source: str, options: Options) -> Request:
    if not places.is_url(source):
        return _file(source, options)
    checked = _checked(source)
    try:
        state = objects.look(checked)
    except FileNotFoundError as error:
        return Request(checked, MISSING, 0, options, failure=str(error))
    return Request(checked, state.name, state.length, options)


def _below(url: str, options: Options, patterns: tuple[str, ...]) -> Iterator[Request]:
    for one in objects.listing(url):
        if _taken(places.name_of(one.place), patterns):
            yield Request(_checked(one.place), one.state_name, one.length, options)


def _files(source: str, options: Options, patterns: tuple[str, ...]) -> Iterator[Request]:
    path = source.removeprefix("file://") if source.startswith("file://") else source
    if os.path.isdir(path):  # noqa: PTH112 - places are text
        yield from _folder(path, options, patterns)
    elif not os.path.lexists(path) and glob.has_magic(path):
        found = False
        for one in sorted(glob.iglob(path, recursive=True)):  # noqa: PTH207 - places are text
            if os.path.isfile(one):  # noqa: PTH113
                found = True
                yield _file(one, options)
        if not found:
            raise FileNotFoundError(f"{source}: no file matches this pattern")
    else:
        yield _file(path, options)


def _folder(path: str, options: Options, patterns: tuple[str, ...]) -> Iterator[Request]:
    for folder, folders, names in os.walk(path, onerror=_fail):
        folders.sort()
        for name in sorted(names):
            whole = os.path.join(folder, name)  # noqa: PTH118
            if _taken(name, patterns) and os.path.isfile(whole):  # noqa: PTH113
                yield _file(whole, options)


def _fail(error: OSError) -> None:
    raise error


def _file(path: str, options: Options) -> Request:
    whole = _checked(os.path.abspath(path))  # noqa: PTH100 - symbolic links stay what they are
    try:
        status = os.stat(whole)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return Request(whole, MISSING, 0, options, failure=f"{whole}: there is no such file")
    if not stat.S_ISREG(status.st_mode):
        raise InvalidError(f"{path} is no file: folders are submitted as folders, and pipes and devices not at all")
    version = report.state_name(status.st_size, status.st_mtime_ns, None)
    return Request(whole, version, status.st_size, options)


def _taken(name: str, patterns: tuple[str, ...]) -> bool:
    return not name.startswith(".") and any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _checked(place: str) -> str:
    try:
        place.encode()
    except UnicodeEncodeError:
        raise InvalidError(f"{place!r}: its name is not UTF-8, which the catalog needs: rename it") from None
    if place.endswith(_OURS):
        raise InvalidError(
            f"{place} is an archive, or belongs to one: sources are submitted (`catalog import` takes archives)"
        )
    return place
