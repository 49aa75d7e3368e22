"""Export all of Fashion-MNIST to every format and read it back; print a row of a table for each.

    python -m tests.formats.measure --root FOLDER [FORMAT ...]

Each export runs in a process of its own. Time is that of the export alone; memory is the most that
was resident (Linux), the mapped files among it. What the format's library reads back must have the
digests of the original payloads.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fmnist_core import load
from fmnist_core.formats.table import FORMATS
from tests.helpers.payloads import payload_digests
from tests.helpers.readers import READERS

EXPORT = r"""
import pathlib, re, sys, time
import fmnist_core as fm
root, format, path = sys.argv[1:]
splits = fm.load("fashion-mnist", ("train", "test"), root=root)
began = time.perf_counter()
fm.export(splits, path, format=format)
seconds = time.perf_counter() - began
status = pathlib.Path("/proc/self/status").read_text()
print(seconds, int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1000)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="Folder with Fashion-MNIST.")
    parser.add_argument("formats", nargs="*", default=list(FORMATS), metavar="FORMAT")
    options = parser.parse_args()
    splits = load("fashion-mnist", ("train", "test"), root=options.root)
    expected = {each.split_name: payload_digests(each.images, each.labels) for each in splits}
    print("| format | export, s | size, MB | memory, MB | read back, s | digests |")
    print("|---|---:|---:|---:|---:|---|")
    for name in options.formats:
        with tempfile.TemporaryDirectory() as folder:
            print(row(name, options.root, Path(folder) / "out", expected), flush=True)


def row(name: str, root: Path, path: Path, expected: dict[str, tuple[str, str]]) -> str:
    """Export to one format, read it back, and return what was measured."""
    command = [sys.executable, "-c", EXPORT, str(root), name, str(path)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, memory = map(float, run.stdout.split())
    files = path.rglob("*") if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
    began = time.perf_counter()
    actual = {split: payload_digests(*arrays) for split, arrays in READERS[name](path).items()}
    took = time.perf_counter() - began
    verdict = "unchanged" if actual == expected else "CHANGED"
    return f"| `{name}` | {seconds:.1f} | {size:.1f} | {memory:.0f} | {took:.1f} | {verdict} |"


if __name__ == "__main__":
    main()
