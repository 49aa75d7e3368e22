"""A stratified validation part of a tenth, in batches of 128."""


def torchvision():
    from sklearn.model_selection import train_test_split
    from torch.utils.data import DataLoader, Subset
    from torchvision import datasets, transforms

    to_tensor = transforms.ToTensor()
    train = datasets.FashionMNIST("data", train=True, download=True, transform=to_tensor)
    rows, labels = range(len(train)), train.targets
    rows, val_rows = train_test_split(rows, test_size=0.1, stratify=labels, random_state=0)
    return DataLoader(Subset(train, val_rows), batch_size=128)


def keras():
    import keras
    import tensorflow as tf
    from sklearn.model_selection import train_test_split

    (images, labels), _ = keras.datasets.fashion_mnist.load_data()
    images = (images[..., None] / 255).astype("float32")
    parts = train_test_split(images, labels, test_size=0.1, stratify=labels, random_state=0)
    _, val_images, _, val_labels = parts
    return tf.data.Dataset.from_tensor_slices((val_images, val_labels)).batch(128)


def grain():
    import grain
    import keras
    from sklearn.model_selection import train_test_split

    (images, labels), _ = keras.datasets.fashion_mnist.load_data()
    images = (images[..., None] / 255).astype("float32")
    parts = train_test_split(images, labels, test_size=0.1, stratify=labels, random_state=0)
    _, val_images, _, val_labels = parts
    return grain.MapDataset.source(list(zip(val_images, val_labels, strict=True))).batch(128)


def fmnist():
    import fmnist_core as fm

    _, val = fm.load("fashion-mnist", "train").split(0.9, seed=0, stratify=True)
    return val.to("torch", batch_size=128)
