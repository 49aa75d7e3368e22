"""Each example's place in the file beside image and label, through the shuffle."""


def torchvision():
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    class Numbered(datasets.FashionMNIST):
        def __getitem__(self, row):
            return *super().__getitem__(row), row

    train = Numbered("data", train=True, download=True, transform=transforms.ToTensor())
    return DataLoader(train, batch_size=128, shuffle=True)


def keras():
    import keras
    import tensorflow as tf

    (images, labels), _ = keras.datasets.fashion_mnist.load_data()
    images = (images[..., None] / 255).astype("float32")
    train = tf.data.Dataset.from_tensor_slices((images, labels, range(len(labels))))
    return train.shuffle(len(labels), seed=0).batch(128)


def grain():
    import grain
    import keras

    (images, labels), _ = keras.datasets.fashion_mnist.load_data()
    images = (images[..., None] / 255).astype("float32")
    examples = list(zip(images, labels, range(len(labels)), strict=True))
    return grain.MapDataset.source(examples).seed(0).shuffle().batch(128)


def fmnist():
    import fmnist_core as fm

    train = fm.load("fashion-mnist", "train")
    return train.to("torch", batch_size=128, shuffle=True, fields=("image", "label", "index"))
