"""Data larger than memory is mapped, never read whole; workers share one mapping."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fmnist_core import write_idx
from tests.helpers.large import INFIMNIST, write_sparse

pytestmark = pytest.mark.alone

linux = pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux's /proc")


@pytest.fixture(scope="module")
def sparse(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_sparse(tmp_path_factory.mktemp("sparse"))


SHUFFLED = """
import sys, itertools, threading
import numpy as np
import fmnist_core as fm

def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024

adapter, images, labels = sys.argv[1:]
fm.get_adapter(adapter)
tiny = fm.Dataset(np.zeros((300, 28, 28), np.uint8), np.zeros(300, np.uint8))
list(tiny.to(adapter, batch_size=128, shuffle=True))
before = anonymous()
train = fm.open_idx(images, labels, classes=list("0123456789"))
most, seen, done = 0.0, 0, threading.Event()

def watch():
    global most
    while not done.wait(0.01):
        most = max(most, anonymous() - before)

watching = threading.Thread(target=watch)
watching.start()  # what is only held while an epoch begins counts as well
batches = iter(train.to(adapter, batch_size=128, shuffle=True, seed=1, fields=("image", "index")))
for image, index in itertools.islice(batches, 200):
    seen += len(index)
done.set()
watching.join()
print(len(train), seen, most)
"""


@linux
@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "tensorflow"])
def test_shuffled_batches_of_six_gigabytes_need_little_memory(
    sparse: tuple[Path, Path], name: str
) -> None:
    assert sum(path.stat().st_size for path in sparse) > 6_350_000_000
    if name != "numpy":
        pytest.importorskip(name)
    done = subprocess.run(
        [sys.executable, "-c", SHUFFLED, name, *map(str, sparse)],
        check=True,
        capture_output=True,
        text=True,
    )
    examples, seen, most = done.stdout.split()
    assert (int(examples), int(seen)) == (INFIMNIST, 200 * 128)
    assert float(most) < 150, "MiB of anonymous memory"


SHARED = """
import pathlib
import sys
import time
import torch.utils.data
from fmnist_core import open_idx

def pss(path):
    \"\"\"Return this process's share (KiB) of the memory of a mapped file.\"\"\"
    found = 0
    with open("/proc/self/smaps") as file:
        inside = False
        for line in file:
            words = line.split()
            if not words[0].endswith(":"):  # the head of a mapping
                inside = line.rstrip().endswith(path)
            elif inside and words[0] == "Pss:":
                found += int(words[1])
    return found

class Shares(torch.utils.data.Dataset):
    def __init__(self, dataset, path):
        self.dataset, self.path = dataset, path
    def __len__(self):
        return 4
    def __getitem__(self, place):
        self.dataset.images.sum()          # every page is touched
        self.meet("touched", place)
        share = pss(self.path)
        self.meet("measured", place)       # nobody leaves before all have measured
        return share

    def meet(self, what, place):
        folder = pathlib.Path(self.path).parent
        (folder / f"{what}-{place}").touch()
        while len(list(folder.glob(f"{what}-*"))) < 4:
            time.sleep(0.02)

if __name__ == "__main__":
    method, images, labels = sys.argv[1:]
    dataset = open_idx(images, labels)
    dataset.images.sum()
    alone = pss(images)
    loader = torch.utils.data.DataLoader(
        Shares(dataset, images), batch_size=1, num_workers=4, multiprocessing_context=method
    )
    shares = [int(share) for share in loader]
    # This process has as large a share as the others had meanwhile.
    print(alone, sum(shares) + max(shares))
"""


@linux
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_four_workers_share_one_mapping(tmp_path: Path, method: str) -> None:
    pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    images, labels = tmp_path / "images", tmp_path / "labels"
    write_idx(images, rng.integers(0, 256, (20_000, 28, 28), np.uint8))
    write_idx(labels, rng.integers(0, 10, 20_000, np.uint8))
    (tmp_path / "shares.py").write_text(SHARED)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "shares.py"), method, str(images), str(labels)],
        check=True,
        capture_output=True,
        text=True,
    )
    alone, together = map(int, done.stdout.split())
    assert alone > 15_000, "KiB: the whole file was touched"
    assert together < 1.3 * alone
