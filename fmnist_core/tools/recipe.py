"""How `fmnist demo` trains, the same in every framework.

The network: convolution 3 x 3 to 16 channels, largest of 2 x 2, ReLU; the same again to 32
channels; a dense layer to the classes. Convolutions pad with zeros and keep the size. (ReLU after
the largest gives what ReLU before it would, for a quarter of the work.) Weights begin as Glorot's
uniform draws and biases at zero; each framework draws its own.
"""

BATCH_SIZE = 128
CHANNELS = (16, 32)
KERNEL_SIZE = 3
POOL_SIZE = 2
LEARNING_RATE = 0.05
MOMENTUM = 0.9
SEED = 0
"""Of the order of the examples and of the first weights."""
