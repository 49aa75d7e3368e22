"""Stop after three batches, and read the rest of the epoch in another program."""


def torchvision():
    from torchdata.stateful_dataloader import StatefulDataLoader
    from torchvision import datasets, transforms

    def loader():
        to_tensor = transforms.ToTensor()
        train = datasets.FashionMNIST("data", train=True, download=True, transform=to_tensor)
        return StatefulDataLoader(train, batch_size=128, shuffle=True)

    first = loader()
    for _, _ in zip(range(3), first, strict=False):
        state = first.state_dict()
    rest = loader()
    rest.load_state_dict(state)
    return rest


def keras():
    import keras
    import tensorflow as tf

    def iterator():
        (images, labels), _ = keras.datasets.fashion_mnist.load_data()
        images = (images[..., None] / 255).astype("float32")
        train = tf.data.Dataset.from_tensor_slices((images, labels))
        return iter(train.shuffle(len(labels), seed=0).batch(128))

    first = iterator()
    for _, _ in zip(range(3), first, strict=False):
        pass
    path = tf.train.Checkpoint(iterator=first).save("checkpoint")
    rest = iterator()
    tf.train.Checkpoint(iterator=rest).restore(path)
    return rest


def grain():
    import grain
    import keras

    def iterator():
        (images, labels), _ = keras.datasets.fashion_mnist.load_data()
        images = (images[..., None] / 255).astype("float32")
        train = grain.MapDataset.source(list(zip(images, labels, strict=True)))
        return iter(train.seed(0).shuffle().batch(128).to_iter_dataset())

    first = iterator()
    for _, _ in zip(range(3), first, strict=False):
        state = first.get_state()
    rest = iterator()
    rest.set_state(state)
    return rest


def fmnist():
    import fmnist_core as fm

    def loader():
        train = fm.load("fashion-mnist", "train")
        return train.to("torch", batch_size=128, shuffle=True, seed=0)

    first = loader()
    for _, _ in zip(range(3), first, strict=False):
        state = first.state_dict()
    rest = loader()
    rest.load_state_dict(state)
    return rest
