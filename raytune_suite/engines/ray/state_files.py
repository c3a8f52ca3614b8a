"""The files of a snapshot in a study's folder, where `Tuner.restore` and Ray's other tools look for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.engines.ray.state_internals import TUNER, is_state_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raytune_suite.engines.storage import Folder


def unpack(study: Folder, files: Mapping[str, bytes]) -> None:
    """Write the files of a snapshot in place of all others of this kind.

    A kill in between harms nothing: the snapshot is still there, and the next resume writes them again.

    Raises:
        OSError: If they cannot be written.
    """
    wanted = {name: content for name, content in files.items() if name == TUNER or is_state_file(name)}
    for name in study.names():
        if is_state_file(name) and name not in wanted:
            study.remove(name)
    for name, content in wanted.items():
        study.write(name, content)
