"""How known payloads begin, so that a cut copy of one can be named.

Computed from the files; the catalog's payloads that are missing here were not at hand.
"""

from collections.abc import Mapping
from types import MappingProxyType

START_NBYTES = 512
"""Bytes at the beginning of a payload that tell it from the others."""

_STARTS = {
    # Fashion-MNIST t10k-images-idx3-ubyte
    "52db2375d245da3cc490f577138bc6d0179940fa3ddb2e88d19cf55bda3424db": (
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    # Fashion-MNIST t10k-labels-idx1-ubyte
    "75c121cb4b4a23c9c3f7390c43fc0c46d5485cfd6c7f7a20c705e21e70d8ba4c": (
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
    ),
    # Fashion-MNIST train-images-idx3-ubyte
    "9c876feaf2ea7ce211dec65ea9b9bdd1f5fc1b4288a2a49275c4111e111f68c9": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    # Fashion-MNIST train-labels-idx1-ubyte
    "9cef3b3e5a2e5556c8ab972a86604176023d07c9113d2a8b4148d3bf3ea170b3": (
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
    ),
    # MNIST t10k-images-idx3-ubyte
    "170e9829337f28eb8a7161b4e5bbb43a12abc621074580fb862d16b1aaf4d43a": (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    ),
    # MNIST t10k-labels-idx1-ubyte
    "5428d6da9280c6a0ab616c8a614af673064092e60129da1b41a8c2265844c9f4": (
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
    # MNIST train-labels-idx1-ubyte
    "3ea681fc83f9c18924c9e62b1beaa7dfd199d4d95dbb263e002af7da43992bf6": (
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
    # QMNIST qmnist-test-labels-idx2-int
    "e5949ff0e7a24eadb14eba181a34b3b7bf971465126d37d7b8645857c0ba45f3": (
        "92d0ccb8c25f9c6534270fb4be7e1d24a1c6d315edfc8a638bfbd31c70f362dd"
    ),
    # QMNIST xnist-labels-idx2-int
    "d5a4b07be6223a70427ec431ab8ed23f0cd0e755ce831c947720824d2fa164c8": (
        "4aea10456d9cf8fcc7bcd377f8ccbc5b0c02ffe0354a7137204794d6b620aa38"
    ),
    # Synthetic garments t10k-images-idx3-ubyte
    "f24c7455052da2f83833aade0c83eeab778d91e3fb7114eb503041f29ad1f57c": (
        "0f04c7f0d645d5debbe85776a2431cb7dd228527fefad740bce45006e6875e82"
    ),
    # Synthetic garments t10k-labels-idx1-ubyte
    "32ef183d6e42cc075c0476b7c2b412d5f1941d46d6786720b27215918fae3401": (
        "92eefba24aa0b339def3a0df9ccd1ea9f4c871aa0236ab99fef127f102258e46"
    ),
    # Synthetic garments train-images-idx3-ubyte
    "caafde5f7f95f6b75e0022fad4668297a5eb94c55630dcfc5109983f9bd3920e": (
        "088c6019f309f97c76e5d6b8d98b8c0d3541ad6d5f8339d6f1c1fbbb3f59fddc"
    ),
    # Synthetic garments train-labels-idx1-ubyte
    "2a50d4a0d48bc0939111bf4a3f5639ee7d41bd526fcded28edd2e2e97f87a2d4": (
        "4d85cad6fa20f8a25b66ee5c34c6272e1d82da4aed61b52b3a07f1e141ef9070"
    ),
}

STARTS: Mapping[str, str] = MappingProxyType(_STARTS)
"""SHA-256 of a payload, by the SHA-256 of its first `START_NBYTES` bytes."""
