"""Tests with libraries that are not installed for the other tests; `make integrations` sets the variable."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("RAYTUNE_SUITE_INTEGRATIONS") else ["test_*.py"]
