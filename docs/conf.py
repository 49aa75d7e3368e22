"""The site: MyST pages, the notebook as it was executed, and the API from the docstrings."""

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon import NumpyDocstring

import fmnist_core

project = "fmnist"
release = fmnist_core.__version__
copyright = "the fmnist authors; MIT licence"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",  # a source link beside each name
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"fmnist {release}"
html_show_sphinx = False

myst_heading_anchors = 3
nb_execution_mode = "off"  # tests/test_notebook.py executes it

default_role = "py:obj"  # `Dataset.to` in a docstring is a link
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_use_rtype = False
python_maximum_signature_line_length = 80


class _Docstring(NumpyDocstring):
    """numpydoc, where a colon in a property's first line does not end a type."""

    def _parse_attribute_docstring(self) -> list[str]:
        return self._consume_to_end()


def _shorten(app: Sphinx, what: str, name: str, obj: object, options: Any, *signature: Any) -> Any:
    """Write arrays as the source does: NDArray, not the generic class that it stands for."""
    long = r"ndarray\[tuple\[Any, \.\.\.\], dtype\[([\w.]+)\]\]"
    return tuple(text and re.sub(long, r"NDArray[\1]", text) for text in signature)


def _find_in_core(app: Sphinx, env: Any, node: Any, contnode: Any) -> Any:
    """Resolve `Dataset.to` in the docstrings of other modules than fmnist_core's own."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target[:1].isupper():
        return None
    domain, page = env.get_domain("py"), node.get("refdoc", "")
    return domain.resolve_xref(
        env, page, app.builder, "obj", f"fmnist_core.{target}", node, contnode
    )


def setup(app: Sphinx) -> None:
    """Connect the three mends above."""
    import sphinx.ext.napoleon

    sphinx.ext.napoleon.NumpyDocstring = _Docstring
    app.connect("autodoc-process-signature", _shorten)
    app.connect("missing-reference", _find_in_core)
