"""`fmnist import`: bring a copy of a dataset, in any format, into the store."""

from pathlib import Path

from fmnist_core.dataset import Dataset
from fmnist_core.errors import DataMismatchError, FileAccessError, FmnistError
from fmnist_core.formats.idx import payloads
from fmnist_core.formats.recovery import is_recoverable
from fmnist_core.formats.split import Split
from fmnist_core.loading import load
from fmnist_core.records import DatasetInfo
from fmnist_core.storage import store
from fmnist_core.storage.locks import locked
from fmnist_core.tools.progress import ProgressLine


def import_splits(info: DatasetInfo, path: Path, line: ProgressLine) -> list[str]:
    """Bring every split that a copy holds into the store; return a line about each.

    Raises
    ------
    DataMismatchError, FileAccessError
        If it holds no split of the dataset, or one that is not genuine.
    """
    if not is_recoverable(info):
        raise DataMismatchError(
            f"the catalog knows {info.title} by its published files only. "
            f"Try: fmnist fetch {info.name} --from URL"
        )
    lines = []
    problems: list[FmnistError] = []
    for name in info.splits:
        line.begin(f"{info.name}/{name}: reading {path.name}")
        try:
            dataset = load(info.name, name, root=path)
        except (DataMismatchError, FileAccessError) as error:
            problems.append(error)
            lines.append(f"{info.name}/{name}: left out; {error.for_commands}")
            continue
        _store(info, name, dataset)
        line.finish(f"{info.name}/{name}: in the store")
        lines.append(f"{info.name}/{name}: {len(dataset):,} examples, genuine, in the store")
    if len(problems) == len(info.splits):
        raise problems[0]
    return lines


def _store(info: DatasetInfo, name: str, dataset: Dataset) -> None:
    place = store.folder(info)
    with locked(place):
        files = info.split(name).files
        for file, (_, blocks) in zip(files, payloads(Split(name, dataset)), strict=True):
            store.write_verified(blocks, place / file.name, file)
