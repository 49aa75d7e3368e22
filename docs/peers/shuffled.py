"""Shuffled batches of 128, images as float32 from 0 to 1."""


def torchvision():
    import torch
    from torchvision import datasets, transforms

    to_tensor = transforms.ToTensor()
    train = datasets.FashionMNIST("data", train=True, download=True, transform=to_tensor)
    seeded = torch.Generator().manual_seed(0)
    return torch.utils.data.DataLoader(train, batch_size=128, shuffle=True, generator=seeded)


def keras():
    import keras
    import tensorflow as tf

    (images, labels), _ = keras.datasets.fashion_mnist.load_data()
    images = (images[..., None] / 255).astype("float32")
    train = tf.data.Dataset.from_tensor_slices((images, labels))
    return train.shuffle(len(labels), seed=0).batch(128)


def grain():
    import grain
    import keras

    (images, labels), _ = keras.datasets.fashion_mnist.load_data()
    images = (images[..., None] / 255).astype("float32")
    train = grain.MapDataset.source(list(zip(images, labels, strict=True)))
    return train.seed(0).shuffle().batch(128)


def fmnist():
    import fmnist_core as fm

    train = fm.load("fashion-mnist", "train")
    return train.to("torch", batch_size=128, shuffle=True, seed=0)
