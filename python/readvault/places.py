"""Places as text: paths of this machine and URLs of object stores (`s3://BUCKET/KEY` and the like)."""

import os
import re

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(place: str) -> bool:
    """Whether `place` is a URL and not a path; `file://` is one that names a path."""
    return _URL.match(place) is not None


def is_folder(place: str) -> bool:
    """Whether things can be put into `place`: a folder, or a URL that ends with a slash."""
    return place.endswith("/") if is_url(place) else os.path.isdir(place)  # noqa: PTH112 - places are text


def join(folder: str, name: str) -> str:
    """The place called `name` in a folder."""
    return folder.rstrip("/") + "/" + name if is_url(folder) else os.path.join(folder, name)  # noqa: PTH118


def name_of(place: str) -> str:
    """The last part of a place, without a URL's query."""
    return (place.split("?")[0] if is_url(place) else place).rsplit("/", 1)[-1]


def beside(place: str, name: str) -> str:
    """The place called `name` in the folder of another."""
    folder, slash, _ = place.rpartition("/")
    return folder + slash + name


def exists(path: str) -> bool:
    """Whether a path names something. Of a URL it is not asked: whoever writes there is refused by the store itself."""
    return not is_url(path) and os.path.exists(path)  # noqa: PTH110
