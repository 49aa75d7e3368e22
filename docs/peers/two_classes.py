"""Sneakers against ankle boots, labelled 0 and 1, in batches of 128."""


def torchvision():
    import torch
    from torch.utils.data import DataLoader, Subset
    from torchvision import datasets, transforms

    to_tensor = transforms.ToTensor()
    train = datasets.FashionMNIST("data", train=True, download=True, transform=to_tensor)
    sneaker, boot = (train.class_to_idx[name] for name in ("Sneaker", "Ankle boot"))
    rows = torch.where((train.targets == sneaker) | (train.targets == boot))[0]
    train.target_transform = {sneaker: 0, boot: 1}.get
    return DataLoader(Subset(train, rows), batch_size=128)


def keras():
    import keras
    import numpy as np
    import tensorflow as tf

    (images, labels), _ = keras.datasets.fashion_mnist.load_data()
    sneaker, boot = 7, 9
    chosen = np.isin(labels, (sneaker, boot))
    images = (images[chosen][..., None] / 255).astype("float32")
    labels = (labels[chosen] == boot).astype("int64")
    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(128)


def grain():
    import grain
    import keras
    import numpy as np

    (images, labels), _ = keras.datasets.fashion_mnist.load_data()
    sneaker, boot = 7, 9
    chosen = np.isin(labels, (sneaker, boot))
    images = (images[chosen][..., None] / 255).astype("float32")
    labels = (labels[chosen] == boot).astype("int64")
    return grain.MapDataset.source(list(zip(images, labels, strict=True))).batch(128)


def fmnist():
    import fmnist_core as fm

    pair = fm.load("fashion-mnist", "train").of_classes("Sneaker", "Ankle boot")
    return pair.to("torch", batch_size=128)
