"""Where studies are stored: a local folder, or a URI of an object store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit


def absolute(storage_path: str | Path) -> str:
    """`storage_path` as an absolute path without "~", or the URI that it is.

    Example:
        >>> absolute("s3://bucket/studies"), absolute("/studies/../other")
        ('s3://bucket/studies', '/other')
    """
    text = str(storage_path)
    return text if "://" in text else str(Path(text).expanduser().resolve())


def local_folder(path: str) -> Path | None:
    """The local folder that `path` names, or None if it is a URI of something else.

    Example:
        >>> local_folder("file:///studies/a"), local_folder("s3://bucket/studies")
        (PosixPath('/studies/a'), None)
    """
    if "://" not in path:
        return Path(path)
    uri = urlsplit(path)
    return Path(unquote(uri.path)) if uri.scheme in ("file", "local") else None
