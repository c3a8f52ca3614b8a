"""`python -m raytune_suite` is `raytune-suite`."""

from __future__ import annotations

import sys

from raytune_suite.cli import main

if __name__ == "__main__":
    sys.exit(main())
