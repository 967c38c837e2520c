"""Training without npzf.training.Trainer (section 3): every step of the loop in sight. Takes a number of epochs, by default 5."""

import sys

import numpy as np

import npzf
from npzf.data import SquareImages, TrainingBatches, embedded_images, mean_image
from npzf.preprocessing import Preprocessing

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
training = SquareImages(embedded_images("train"), side=73)  # 915 images of 12 classes, resized to 73 x 73 pixels
validation = embedded_images("validation")  # 240 images

net = npzf.small_zfnet(classes=12, size=64)
net.preprocessing = Preprocessing(mean_image(training, 64), std=8.0)
batches = TrainingBatches(training, 64, batch=32, preprocessing=net.preprocessing)  # random crops of 64 x 64 pixels, mirrored
sgd = npzf.SGD(net, rate=0.005, momentum=0.9, decay=0.02)

for epoch in range(epochs):
    losses = []
    for x, targets, _ in batches.epoch(epoch):  # x (32, 64, 64, 3), targets (32,)
        scores = net.forward(x, train=True)  # (32, 12)
        loss, gscores = npzf.softmax_cross_entropy(scores, targets)
        net.backward(gscores)  # fills net.gradients
        sgd.step()
        losses.append(loss)
    wrong = npzf.predict(net, validation).argmax(axis=1) != validation.targets  # guessing: 92 % of them
    print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, validation error {100 * wrong.mean():.1f} %", flush=True)

net.save("runs/by_hand.h5")
print("saved runs/by_hand.h5; look inside with: python examples/look_inside.py runs/by_hand.h5")
