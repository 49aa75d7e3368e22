"""Run an example on test images whose second half mirrors the first; record its predictions.

python -m tests.helpers.mirrored_example OUTPUT PROGRAM ARGUMENTS...
"""

import json
import runpy
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fmnist_core as fm

output, *sys.argv = sys.argv[1:]
sys.path.insert(0, str(Path(sys.argv[0]).parent))

import common  # noqa: E402  what lies beside the program

plain_data, plain_finish = common.data, common.Run.finish


def mirrored_data(args: Namespace) -> tuple[fm.Dataset, fm.Dataset, fm.Dataset]:
    """Return the data, with the mirror images of the first test images as the others."""
    train, val, test = plain_data(args)
    half = test.take(len(test) // 2)
    images = np.concatenate([half.images, half.images[:, :, ::-1]])
    return train, val, fm.Dataset(images, np.tile(half.labels, 2), classes=half.classes)


def watched_finish(run: Any, test: fm.Dataset, predicted: NDArray[Any], folder: Path) -> None:
    """Finish, and take the predictions down."""
    plain_finish(run, test, predicted, folder)
    Path(output).write_text(json.dumps(predicted.tolist()))


common.data, common.Run.finish = mirrored_data, watched_finish
runpy.run_path(sys.argv[0], run_name="__main__")
