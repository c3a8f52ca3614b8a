"""Where studies are stored: a local folder, or a URI of an object store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from raytune_suite.atomic_file import write_atomically
from raytune_suite.errors import ArgumentError, StudyError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem  # type: ignore[import-untyped]


def absolute(storage_path: str | Path) -> str:
    """`storage_path` as an absolute path without "~", or the URI that it is.

    Example:
        >>> absolute("s3://bucket/studies"), absolute("/studies/../other")
        ('s3://bucket/studies', '/other')
    """
    text = str(storage_path)
    return text if "://" in text else str(Path(text).expanduser().resolve())


def study_path(storage_path: str, name: str) -> str:
    """The folder or URI of the study called `name` in `storage_path`.

    Example:
        >>> study_path("s3://bucket/studies/", "first")
        's3://bucket/studies/first'
        >>> study_path("s3://bucket/studies?endpoint_override=minio:9000", "first")
        's3://bucket/studies/first?endpoint_override=minio:9000'
    """
    folder, query = _without_query(storage_path)
    return f"{folder.rstrip('/')}/{name}{query}"


def split_path(path: str) -> tuple[str, str]:
    """The storage path and the name of the study at `path`, a folder or a URI.

    Example:
        >>> split_path("s3://bucket/studies/first?endpoint_override=minio:9000")
        ('s3://bucket/studies?endpoint_override=minio:9000', 'first')
    """
    folder, query = _without_query(path)
    storage_path, _, name = folder.rstrip("/").rpartition("/")
    return storage_path + query, name


def _without_query(path: str) -> tuple[str, str]:
    """A path or URI, and the query of a URI with its "?", which file systems have as their options."""
    folder, mark, query = path.partition("?") if "://" in path else (path, "", "")
    return folder, mark + query


def checked_filesystem(filesystem: Any) -> FileSystem | None:
    """A file system of pyarrow; one of fsspec is wrapped.

    Raises:
        ArgumentError: If it is neither of these.
    """
    if filesystem is None:
        return None
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped] # late: local studies do not need it
    from pyarrow import fs  # type: ignore[import-untyped] # as above

    if isinstance(filesystem, AbstractFileSystem):
        return fs.PyFileSystem(fs.FSSpecHandler(filesystem))
    if isinstance(filesystem, fs.FileSystem):
        return filesystem
    raise ArgumentError.invalid("storage_filesystem", filesystem, "a file system of pyarrow.fs or of fsspec")


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


@dataclass(frozen=True)
class Folder:
    """The files of one folder, which is local or in an object store.

    Attributes:
        path: The folder or URI, as messages show it.
        local: The local folder; None for an object store.
        remote: The pyarrow file system and the path in it; None for a local folder.
    """

    path: str
    local: Path | None
    remote: tuple[Any, str] | None = None

    @classmethod
    def at(cls, path: str, filesystem: FileSystem | None = None) -> Folder:
        """The folder at a local path or a URI, or at a path in `filesystem`; it need not exist.

        Raises:
            ArgumentError: If it is not a URI of a file system of pyarrow.
            StudyError: If the object store cannot be reached.
        """
        if filesystem is not None:
            return cls(path, None, (filesystem, path))
        local = local_folder(path)
        if local is not None:
            return cls(path, local)
        from pyarrow import fs  # late: local studies do not need it

        try:
            return cls(path, None, fs.FileSystem.from_uri(path))
        except ValueError as error:
            raise ArgumentError(
                f"{path!r} must be a folder or the URI of an object store that pyarrow supports; for others, set "
                f"`storage_filesystem`: {error}"
            ) from None
        except OSError as error:
            raise StudyError(f"the object store of {path!r} cannot be reached: {error}") from error

    def __truediv__(self, name: str) -> Folder:
        path = study_path(self.path, name)
        if self.remote is None:
            return Folder(path, None if self.local is None else self.local / name)
        return Folder(path, None, (self.remote[0], f"{self.remote[1]}/{name}"))

    @property
    def filesystem(self) -> FileSystem | None:
        """The file system of an object store; None for a local folder."""
        return None if self.remote is None else self.remote[0]

    def names(self) -> list[str]:
        """The names of the files and folders in it, sorted; none if it does not exist."""
        if self.local is not None:
            return sorted(path.name for path in self.local.iterdir()) if self.local.is_dir() else []
        from pyarrow import fs

        system, root = self._system
        return sorted(info.base_name for info in system.get_file_info(fs.FileSelector(root, allow_not_found=True)))

    def versions(self) -> dict[str, tuple[int, int]]:
        """The size of each file in it, and when it was written, in nanoseconds; not known in some object stores."""
        if self.local is not None:
            stats = {path.name: path.stat() for path in self.local.iterdir()} if self.local.is_dir() else {}
            return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}
        from pyarrow import fs

        system, root = self._system
        found = system.get_file_info(fs.FileSelector(root, allow_not_found=True))
        return {info.base_name: (info.size or 0, info.mtime_ns or 0) for info in found}

    def has(self, name: str) -> bool:
        """Whether there is a file called `name`."""
        if self.local is not None:
            return (self.local / name).is_file()
        system, root = self._system
        return bool(system.get_file_info(f"{root}/{name}").is_file)

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            OSError: If there is no such file, or it cannot be read.
        """
        if self.local is not None:
            return (self.local / name).read_bytes()
        system, root = self._system
        with system.open_input_stream(f"{root}/{name}") as stream:
            return bytes(stream.readall())

    def write(self, name: str, content: bytes) -> None:
        """Write a file as a whole or not at all; in an object store, as one object.

        Raises:
            OSError: If it cannot be written.
        """
        if self.local is not None:
            write_atomically(self.local / name, content)
            return
        system, root = self._system
        system.create_dir(root)
        with system.open_output_stream(f"{root}/{name}") as stream:
            stream.write(content)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if self.local is not None:
            (self.local / name).unlink(missing_ok=True)
        elif self.has(name):
            system, root = self._system
            system.delete_file(f"{root}/{name}")

    @property
    def _system(self) -> tuple[Any, str]:
        if self.remote is None:
            raise RuntimeError(f"{self.path} is a local folder")
        return self.remote
