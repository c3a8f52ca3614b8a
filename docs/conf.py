"""The configuration of Sphinx for this documentation; `make docs` builds it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

import raytune_suite

project = "raytune_suite"
author = "the raytune_suite contributors"
project_copyright = author
version = release = raytune_suite.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "package_reference"]
extensions += ["command_line"]
exclude_patterns = ["_extensions"]

# Markdown
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
copybutton_prompt_text = "$ "

# The reference. Every reference into this package is checked; Sphinx cannot see those into other packages, since the
# build downloads nothing.
nitpicky = True
suppress_warnings = ["ref.python"]  # an annotation that fits two objects
nitpick_ignore_regex = [(r"py:.*", r"(?!raytune_suite\.).*")]
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True, "ignore-module-all": True}
maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"

# HTML
html_theme = "furo"
html_title = "raytune_suite"
html_show_sphinx = False
html_copy_source = False
