"""Two arrays for scikit-learn: a float32 row for each image, and the labels."""


def torchvision():
    from torchvision import datasets

    train = datasets.FashionMNIST("data", train=True, download=True)
    images = train.data.numpy().reshape(len(train), -1) / 255
    return images.astype("float32"), train.targets.numpy()


def keras():
    import keras

    (images, labels), _ = keras.datasets.fashion_mnist.load_data()
    return (images.reshape(len(images), -1) / 255).astype("float32"), labels


def fmnist():
    import fmnist_core as fm

    return fm.load("fashion-mnist", "train").arrays(layout="flat")
