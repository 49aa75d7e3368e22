"""The site: MyST pages and the API from the docstrings."""

project = "fmnist"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "fmnist"
exclude_patterns = ["_build"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# Frameworks are heavy, and a page needs only the signatures.
autodoc_mock_imports = ["tensorflow"]
