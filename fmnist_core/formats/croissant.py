"""Croissant 1.0: metadata in JSON-LD that describes the columns of files."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fmnist_core.files import file_digest
from fmnist_core.formats.split import Split

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification gives."""


def described(splits: Sequence[Split], folder: Path, files: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata of a folder with a Parquet file for each split.

    Parameters
    ----------
    splits : sequence of Split
    folder : Path
        Where the files are, to be hashed.
    files : mapping of str to str
        The file of each split, relative to the folder.
    """
    dataset = splits[0].dataset
    info = dataset.info if dataset.name else None
    title = info.title if info else "dataset"
    description = f"{title}: grey images of {dataset.image_shape} in {len(dataset.classes)} classes"
    facts = {"url": info.homepage, "license": info.licence, "citeAs": info.citation} if info else {}
    if info and re.fullmatch(r"\d{4}-\d\d-\d\d", info.released):
        facts["datePublished"] = info.released
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": title,
        "description": description,
        "version": "1.0.0",
        **{name: words for name, words in facts.items() if words},
        "distribution": [_file(name, path, folder) for name, path in files.items()],
        "recordSet": [_classes(dataset.classes), *map(_records, files)],
    }


def _file(split: str, path: str, folder: Path) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"{split}.parquet",
        "name": f"{split}.parquet",
        "contentUrl": path,
        "contentSize": f"{(folder / path).stat().st_size} B",
        "encodingFormat": "application/x-parquet",
        "sha256": file_digest(folder / path),
    }


def _classes(names: Sequence[str]) -> dict[str, Any]:
    field = {"@type": "cr:Field", "@id": "classes/label", "dataType": "sc:Integer"}
    name = {"@type": "cr:Field", "@id": "classes/name", "dataType": "sc:Text"}
    return {
        "@type": "cr:RecordSet",
        "@id": "classes",
        "dataType": "sc:Enumeration",
        "key": {"@id": "classes/label"},
        "field": [field, name],
        "data": [
            {"classes/label": label, "classes/name": name} for label, name in enumerate(names)
        ],
    }


def _records(split: str) -> dict[str, Any]:
    file = {"@id": f"{split}.parquet"}
    image = {
        "@type": "cr:Field",
        "@id": f"{split}/image",
        "dataType": "sc:ImageObject",
        "source": {
            "fileObject": file,
            "extract": {"column": "image"},
            "transform": {"jsonPath": "bytes"},
        },
    }
    label = {
        "@type": "cr:Field",
        "@id": f"{split}/label",
        "dataType": "sc:Integer",
        "references": {"field": {"@id": "classes/label"}},
        "source": {"fileObject": file, "extract": {"column": "label"}},
    }
    return {"@type": "cr:RecordSet", "@id": split, "field": [image, label]}
