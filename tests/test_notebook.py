"""docs/quickstart.ipynb: it runs from top to bottom and prints what it shows."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytest.importorskip("torch")

NOTEBOOK = Path(__file__).parent.parent / "docs" / "quickstart.ipynb"


def printed(cell: nbformat.NotebookNode) -> str:
    """Return the text of a cell's outputs; pictures differ between versions of matplotlib."""
    return "".join(
        output.get("text", "") or output.data.get("text/plain", "") for output in cell.outputs
    )


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:jupyter_client")
@pytest.mark.filterwarnings("ignore:.*TCP without encryption")
def test_it_runs_and_prints_what_it_shows(tmp_path: Path) -> None:
    stored = nbformat.read(NOTEBOOK, as_version=4)
    run = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(run, timeout=240, resources={"metadata": {"path": tmp_path}}).execute()
    cells = zip(run.cells, stored.cells, strict=True)
    code = [(now, shown) for now, shown in cells if now.cell_type == "code"]
    assert len(code) >= 10
    for now, shown in code:
        # Processors round a training differently.
        if "rounding" not in now.metadata.get("tags", ()):
            assert printed(now) == printed(shown), now.source
