"""Subcommands and options of usual programs, to find the misspelled ones.

Only a word that resembles a known one is reported: programs have more of them than are listed here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from raytune_suite.cluster.shell import SimpleCommand

SUBCOMMANDS = {
    **dict.fromkeys(
        ("apt-get", "apt"),
        """
            install update upgrade dist-upgrade full-upgrade remove purge autoremove clean autoclean download
            source build-dep check list search show reinstall satisfy changelog indextargets distclean
            edit-sources depends
        """,
    ),
    **dict.fromkeys(
        ("yum", "dnf"),
        """
            install update upgrade remove erase clean makecache list search info repolist groupinstall group
            localinstall reinstall autoremove check-update config-manager module download copr swap builddep
            provides history
            versionlock needs-restarting distro-sync groups grouplist mark repoquery shell deplist
            grouperase groupinfo
        """,
    ),
    **dict.fromkeys(
        ("pip", "pip3"),
        """
            install uninstall download freeze list show check config search cache index wheel hash completion
            debug help inspect lock
        """,
    ),
    **dict.fromkeys(
        ("conda", "mamba", "micromamba"),
        """
            install create update upgrade remove uninstall activate deactivate env init info list search clean
            config run shell package export compare notices
            doctor rename repoquery build self token tos content-trust deactivate
        """,
    ),
    "git": """
        clone pull fetch checkout switch reset status submodule config init add commit push merge rebase branch
        tag log show diff stash lfs clean remote rev-parse apply describe worktree restore sparse-checkout
        archive cherry-pick
        rm mv gc grep bisect blame help notes range-diff ls-files ls-remote ls-tree fsck bundle
        format-patch var prune reflog revert shortlog cat-file hash-object
    """,
    "docker": """
        run pull push build exec stop start restart rm rmi ps images login logout info inspect logs network
        volume compose system image container kill load save tag version cp stats create import export buildx
        context plugin top
        help search attach commit diff events history pause port rename unpause update wait builder
        manifest node secret service stack swarm trust scout init
    """,
    "systemctl": """
        start stop restart reload enable disable status daemon-reload mask unmask is-active is-enabled show
        list-units set-default isolate kill reset-failed cat edit list-timers
        list-unit-files preset reenable try-restart reload-or-restart poweroff reboot help is-failed
        list-dependencies link daemon-reexec
    """,
    "uv": """
        pip sync run venv add remove lock python tool init cache build export tree version publish help self
        auth format self generate-shell-completion
    """,
    "scontrol": """
        show update requeue hold release suspend resume ping wait_job getaddrs reconfigure token write top
        notify listpids requeuehold version
    """,
}
"""The subcommands of programs."""

PIP_INSTALL = """
    --user --upgrade --no-cache-dir --quiet --requirement --constraint --editable --no-deps --pre --target
    --index-url --extra-index-url --find-links --no-index --force-reinstall --ignore-installed
    --no-build-isolation --no-input --break-system-packages --prefix --root --upgrade-strategy --only-binary
    --no-binary --prefer-binary --trusted-host --timeout --retries --disable-pip-version-check --verbose
    --progress-bar --config-settings --compile --no-compile --no-warn-script-location --no-warn-conflicts
    --use-pep517 --require-hashes --no-clean --dry-run --report --platform --python-version --implementation
    --abi --src --ignore-requires-python --use-deprecated --use-feature --cache-dir --proxy --cert --log
    --no-color --isolated --require-virtualenv --python --debug --client-cert --exists-action --root-user-action
    --check-build-dependencies --group --global-option --version --help --install-option
    --no-python-version-warning --no-use-pep517 --default-timeout --keyring-provider
"""
"""The long options of `pip install`."""


def misspelled(part: SimpleCommand) -> tuple[str, str] | None:
    """Return the reason and the remedy if a command has a misspelled subcommand or option, None if it has none."""
    words = part.words
    if re.fullmatch(r"python[\d.]*", part.program) and words[1:3] == ("-m", "pip"):
        words = words[2:]
    program = words[0].rpartition("/")[2] if words else ""
    known = SUBCOMMANDS.get(program, "").split()
    word = next((one for one in words[1:] if not one.startswith("-")), "")
    first = words[1] if len(words) > 1 else ""
    if known and word == first and re.fullmatch(r"[a-z][a-z-]+", word) and word not in known:
        match = nearest(word, known)
        if match is not None:
            return f"`{program}` has no command `{word}`: did you mean `{match}`?", f"write `{program} {match}`"
    if program in ("pip", "pip3") and first == "install":
        options = PIP_INSTALL.split()
        for option in (one.partition("=")[0] for one in words[2:] if re.match(r"--[a-z]", one)):
            match = nearest(option, options) if option not in options else None
            if match is not None and not any(one.startswith(option) for one in options):  # pip accepts beginnings
                return f"`pip install` has no option `{option}`: did you mean `{match}`?", f"write `{match}`"
    return None
