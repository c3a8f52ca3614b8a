"""Find secrets that are written in a file, which is copied to nodes, shown by tools and stored in version control."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument

FORMS: dict[str, str] = {
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b": "the ID of an access key of AWS",
    r"\bhf_[A-Za-z0-9]{30,}\b": "a token of Hugging Face",
    r"\b(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})\b": "a token of GitHub",
    r"\bglpat-[\w-]{20,}": "a token of GitLab",
    r"\bsk-[A-Za-z0-9_-]{32,}": "an API key",
    r"\bAIza[\w-]{35}\b": "an API key of Google",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----": "a private key",
    r"\bwandb login (--relogin )?[0-9a-f]{40}\b": "an API key of Weights & Biases",
    r"\b(AWS_SECRET_ACCESS_KEY|WANDB_API_KEY|HF_TOKEN|HUGGING_FACE_HUB_TOKEN|GITHUB_TOKEN|GH_TOKEN|"
    r"COMET_API_KEY|NEPTUNE_API_TOKEN|OPENAI_API_KEY|AZURE_CLIENT_SECRET|AZURE_STORAGE_KEY|MLFLOW_TRACKING_PASSWORD)"
    r"=[\"']?(?![\"']?(\$|<|your|YOUR|xxx|XXX|\.\.\.|changeme|placeholder))[\w/+=.-]{8,}": "a secret",
    r"://[^/\s:@$]+:[^/\s:@${<]{4,}@": "a password in an address",
}
"""The forms of secrets, with what they are."""

NAME = re.compile(r"(?i).*(API_?KEY|SECRET(_?ACCESS)?_?KEY|_TOKEN|PASSWORD|PASSWD|CLIENT_SECRET)")
"""Names of variables whose values are secrets."""

NO_SECRET = re.compile(r"(?i)|true|false|\d{1,4}|.*(\$|<|\{|your|changeme|placeholder|example|xxx|dummy|none|null|/).*")
EXAMPLES = re.compile(r"EXAMPLE")


@lru_cache(maxsize=4096)
def form_of(text: str) -> str | None:
    """Return what a text contains if it has the form of a secret."""
    return next((name for form, name in FORMS.items() if re.search(form, text)), None)


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the secrets among the texts of a document."""
    for where, text in document.scalars():
        if where[:1] == ("auth",):
            continue
        what = form_of(text)
        if what is None and where[-2:] == ("redisPassword", "value") and not NO_SECRET.fullmatch(text):
            what = "the password of Redis"
        if what is None and len(where) > 1 and where[-1] == "value":
            name = document.get(*where[:-1], "name")
            named = isinstance(name, str) and NAME.fullmatch(name) and "RAY_AUTH" not in name
            what = f"the value of {name}" if named and not NO_SECRET.fullmatch(text) else None
        if what is not None:
            reason = f"{what} is written in the file, which is copied to the nodes or shown to others"
            remedy = "keep it in a secret of Kubernetes (`secretKeyRef`), in a role of the machines, or in its own file"
            yield finding(document, "RTS614", where, reason, remedy)
