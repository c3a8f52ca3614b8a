"""Open every link in a file with one URL per line, and list those that are broken: python docs/check_links.py FILE."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

SECONDS = 20
UNREACHABLE = "cannot be reached"


def fault(url: str) -> str | None:
    """Return what is wrong with a link, or None."""
    request = Request(url, headers={"User-Agent": "Mozilla/5.0 (raytune_suite link check)"})  # noqa: S310 - http(s)
    try:
        with urlopen(request, timeout=SECONDS):  # noqa: S310 - as above
            return None
    except HTTPError as error:
        limited = error.code in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)  # it exists, but not for programs
        return None if limited else f"HTTP status {error.code}"
    except (URLError, TimeoutError, OSError) as error:
        return f"{UNREACHABLE} ({error})"


def main(path: str) -> int:
    """Check the links of a file; without a network nothing is checked."""
    urls = Path(path).read_text().split()
    with ThreadPoolExecutor(8) as pool:
        faults = list(pool.map(fault, urls))
    if all(text is not None and text.startswith(UNREACHABLE) for text in faults):
        print(f"no network: none of {len(urls)} links was checked")
        return 0
    broken = [(url, text) for url, text in zip(urls, faults, strict=True) if text is not None]
    for url, text in broken:
        print(f"{url}: {text}")
    print(f"{len(urls) - len(broken)} of {len(urls)} links work")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
