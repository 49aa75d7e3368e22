"""Build hook: the package page is README.md with absolute links.

A package index shows the page away from the repository, where relative links lead nowhere.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE_LINK = re.compile(r"(!?)(\[[^][]*\])\((?![a-z]+:|#)")
"""An image's or a link's text and the bracket that its relative target follows."""


class PackagePage(MetadataHookInterface):
    """Sets the project's readme."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `readme` in the metadata, from README.md and the address in `urls`."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        page = with_absolute_links(text, metadata["urls"]["Source"])
        metadata["readme"] = {"content-type": "text/markdown", "text": page}


def with_absolute_links(text: str, source: str) -> str:
    """Return a page of the repository with links that work anywhere; images as raw files."""

    def absolute(match: re.Match[str]) -> str:
        mark, words = match.groups()
        return f"{mark}{words}({source}/{'raw' if mark else 'blob'}/main/"

    return RELATIVE_LINK.sub(absolute, text)
