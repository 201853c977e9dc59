"""How the guide is built: `make docs` writes it to build/docs, without a network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from leakcheck import __version__

project = "leakcheck"
author = "the leakcheck contributors"
copyright = "the leakcheck contributors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "leakcheck_docs"]
exclude_patterns = ["_ext"]
myst_heading_anchors = 3
highlight_language = "text"

# docstrings are written for people: `x` in them is code, and types are told where they are used
default_role = "code"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
nitpick_ignore_regex = [
    ("py:class", r"(leakcheck|collections|pathlib)\..*"),
    ("py:class", "_Function|OptionValue|Result"),
]

# "64 KiB / 1000 calls" is to be copied as it stands
smartquotes = False

html_theme = "furo"
html_title = f"leakcheck {__version__}"
html_static_path = ["_static"]
html_css_files = ["guide.css"]
html_copy_source = False
html_show_sphinx = False
