"""Three channels, standardised by ImageNet's constants."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def torchvision():
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    grey, to_tensor = transforms.Grayscale(3), transforms.ToTensor()
    prepare = transforms.Compose([grey, to_tensor, transforms.Normalize(MEAN, STD)])
    train = datasets.FashionMNIST("data", train=True, download=True, transform=prepare)
    return DataLoader(train, batch_size=128, shuffle=True)


def keras():
    import keras
    import numpy as np
    import tensorflow as tf

    (images, labels), _ = keras.datasets.fashion_mnist.load_data()
    train = tf.data.Dataset.from_tensor_slices((images[..., None], labels))
    layer = keras.layers.Normalization(mean=MEAN, variance=np.square(STD))
    train = train.shuffle(len(labels), seed=0).batch(128)
    return train.map(lambda image, label: (layer(tf.repeat(image, 3, -1) / 255), label))


def grain():
    import grain
    import keras
    import numpy as np

    def prepare(example):
        image, label = example
        return ((image[..., None] / 255 - MEAN) / STD).astype(np.float32), label

    (images, labels), _ = keras.datasets.fashion_mnist.load_data()
    train = grain.MapDataset.source(list(zip(images, labels, strict=True)))
    return train.seed(0).shuffle().map(prepare).batch(128)


def fmnist():
    import fmnist_core as fm

    train = fm.load("fashion-mnist", "train")
    options = {"channels": 3, "scale": "standard", "mean": MEAN, "std": STD}
    return train.to("torch", batch_size=128, shuffle=True, **options)
