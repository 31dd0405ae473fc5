"""Settings of the documentation site: `make docs` builds it in build/docs."""

import os
import sys
import tomllib
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
_project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "keras_vae"
author = "The keras_vae authors"
version = release = _project["version"]
html_title = project
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "tools.site",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]

# For tools.site.
site_description = _project["description"]
site_repository = _project.get("urls", {}).get("Repository", "")

# Pages are plain Markdown; headings have the anchors that GitHub gives them.
myst_heading_anchors = 6

# Notebooks run in a folder of their own, and an error in one is an error of the build.
nb_execution_mode = "auto"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # Seconds a cell.
nb_output_stderr = "remove"

# Docstrings: Google style; a word in backticks is a link if it is a name of the library.
default_role = "py:obj"
napoleon_custom_sections = ["Loss"]
napoleon_use_rtype = False
_NOT_FOR_USERS = [  # Methods that Keras or the base class calls.
    *("build", "build_for", "call", "check_codes", "check_decoder", "check_event", "check_parts"),
    *("check_target", "compile_from_config", "compute_output_shape", "compute_output_spec"),
    *("finish_construction", "from_config", "get_config", "input_spec", "load_own_variables"),
    *("metadata", "metrics", "save_own_variables", "weights", "on_train_begin", "on_train_end"),
    *("on_train_batch_begin", "on_train_batch_end", "on_epoch_begin", "on_epoch_end"),
    *("on_test_begin", "on_test_end"),
]
autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "exclude-members": ", ".join(_NOT_FOR_USERS),
}
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_sourcelink_suffix = ""
html_show_sphinx = False
html_theme_options = {
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    **({"github_url": site_repository} if site_repository else {}),
}
html_sidebars = {"index": []}
copyright = "the keras_vae authors, Apache-2.0"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
