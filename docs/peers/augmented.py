"""Random crops and flips of the training part alone, beside a plain validation part."""


def torchvision():
    import torch
    from torch.utils.data import DataLoader, Subset
    from torchvision import datasets, transforms

    flip, crop = transforms.RandomHorizontalFlip(), transforms.RandomCrop(28, padding=4)
    augment = transforms.Compose([crop, flip, transforms.ToTensor()])
    train = datasets.FashionMNIST("data", train=True, download=True, transform=augment)
    plain = datasets.FashionMNIST("data", train=True, transform=transforms.ToTensor())
    rows = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    cut = len(train) * 9 // 10
    train_loader = DataLoader(Subset(train, rows[:cut]), batch_size=128, shuffle=True)
    return train_loader, DataLoader(Subset(plain, rows[cut:]), batch_size=128)


def keras():
    import keras
    import tensorflow as tf

    (images, labels), _ = keras.datasets.fashion_mnist.load_data()
    images = (images[..., None] / 255).astype("float32")
    whole = tf.data.Dataset.from_tensor_slices((images, labels))
    whole = whole.shuffle(len(labels), seed=0, reshuffle_each_iteration=False)
    cut = len(labels) * 9 // 10
    pad, crop = keras.layers.ZeroPadding2D(4), keras.layers.RandomCrop(28, 28)
    augment = keras.Sequential([pad, crop, keras.layers.RandomFlip("horizontal")])
    train = whole.take(cut).shuffle(cut).batch(128)
    train = train.map(lambda image, label: (augment(image, training=True), label))
    return train, whole.skip(cut).batch(128)


def grain():
    import grain
    import keras
    import numpy as np

    def augment(example, generator):
        image, label = example
        image = np.pad(image, ((4, 4), (4, 4), (0, 0)))
        top, left = generator.integers(0, 9, 2)
        image = image[top : top + 28, left : left + 28]
        return (image[:, ::-1] if generator.random() < 0.5 else image), label

    (images, labels), _ = keras.datasets.fashion_mnist.load_data()
    images = (images[..., None] / 255).astype("float32")
    whole = grain.MapDataset.source(list(zip(images, labels, strict=True))).shuffle(seed=0)
    cut = len(labels) * 9 // 10
    train = whole[:cut].seed(1).shuffle().random_map(augment)
    return train.batch(128), whole[cut:].batch(128)


def fmnist():
    import fmnist_core as fm
    from fmnist_core.transforms import RandomCrop, RandomHorizontalFlip

    train, val = fm.load("fashion-mnist", "train").split(0.9, seed=0)
    augment = (RandomCrop(28, padding=4), RandomHorizontalFlip())
    train_loader = train.to("torch", batch_size=128, shuffle=True, seed=0, transform=augment)
    return train_loader, val.to("torch", batch_size=128)
