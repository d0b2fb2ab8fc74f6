"""The notebook of the documents runs as it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import PACKAGE, REPOSITORY
from nbclient import NotebookClient

NOTEBOOK = REPOSITORY / "docs" / "notebook.ipynb"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for both libraries: what the first one ran, the second one finds."""
    return tmp_path_factory.mktemp("notebook")


def test_the_notebook_runs(folder: Path, frames: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURA_BENCH_CACHE", str(folder / "cache"))
    monkeypatch.setenv("AURA_BENCH_FRAMES", frames)
    monkeypatch.setenv("PYTHONPATH", str(PACKAGE))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert all(outputs)
    shown = "".join(output.text for output in outputs[0] if output.output_type == "stream" and output.name == "stderr")
    assert "train" in shown and "report" in shown
    assert "generated faces" in outputs[0][-1].data["text/html"]
    assert "flipped" in outputs[5][-1].data["text/html"]
    # The last cell prints three archetypes.
    assert outputs[-1][-1].text.count("nearest training samples") == 3


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
