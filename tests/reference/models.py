"""Makes the corpus of whole networks: torchvision's classification families as PyTorch's two exporters write them, with the
gradient of PyTorch's autograd.

    models.py --out FOLDER [--only REGEX]

writes `index.json`; for every network a folder with `image.npy`, `cotangent.npy` (float32), `logits.npy` and `grad.npy` (float64:
the whole network computed so); and for every exporter `torchscript.onnx` and `dynamo.onnx` in it. Weights are random. Families
whose smallest member is large are built by torchvision's own classes with fewer or narrower blocks.

The image is chosen: two engines round differently, and where a pre-activation is nearly zero they end up on different sides of
a ReLU, after which their gradients are rightly different. Of several images the one is taken whose gradient changes least when
the image is moved by the relative distance `NUDGE`, several times what rounding does.
"""

import argparse
import contextlib
import functools
import io
import json
import logging
import pathlib
import re
import time
import warnings
import zlib

import numpy as np
import torch
import torchvision
from torch import nn
from torchvision.models import convnext, densenet, efficientnet, maxvit, resnet, swin_transformer, vision_transformer

CLASSES = 10
# Float32 rounding moves an activation by some 1e-7 a layer.
NUDGE = 3e-6
# The gradient of a smooth network moves by about NUDGE; a flipped decision moves it by 1e-3.
STEADY = 5e-5
IMAGES = 8


def zoo(name, **options):
    return functools.partial(getattr(torchvision.models, name), weights=None, num_classes=CLASSES, **options)


def small_head(name, width):
    """AlexNet and VGG, whose two hidden layers of 4096 would be 95 % of the file, with a pool to 1 × 1 before them: the one
    to 6 × 6 or 7 × 7 can be exported for 224 pixels alone."""

    def build():
        network = zoo(name)()
        linear = [index for index, layer in enumerate(network.classifier) if isinstance(layer, nn.Linear)]
        network.avgpool = nn.AdaptiveAvgPool2d(1)
        channels = [layer.out_channels for layer in network.features if isinstance(layer, nn.Conv2d)]
        sizes = [channels[-1], width, width, CLASSES]
        for index, before, after in zip(linear, sizes, sizes[1:]):
            network.classifier[index] = nn.Linear(before, after)
        return network

    return build


def small_convnext():
    block = convnext.CNBlockConfig
    return convnext.ConvNeXt([block(32, 64, 1), block(64, 96, 1), block(96, 128, 2), block(128, None, 1)], num_classes=CLASSES)


def small_efficientnet_v2():
    stages = [
        efficientnet.FusedMBConvConfig(1, 3, 1, 24, 24, 1),
        efficientnet.FusedMBConvConfig(4, 3, 2, 24, 48, 2),
        efficientnet.MBConvConfig(4, 3, 2, 48, 64, 2),
        efficientnet.MBConvConfig(6, 3, 1, 64, 80, 1),
    ]
    norm = functools.partial(nn.BatchNorm2d, eps=1e-3)
    return efficientnet.EfficientNet(stages, dropout=0.2, num_classes=CLASSES, norm_layer=norm, last_channel=256)


def small_swin(**options):
    return swin_transformer.SwinTransformer(
        [4, 4], embed_dim=24, depths=[2, 2, 2], num_heads=[2, 4, 4], window_size=[4, 4], num_classes=CLASSES, **options
    )


# Family: how its member is built, and the image size.
FAMILIES = {
    "alexnet": (small_head("alexnet", 256), 64),
    "vgg11_bn": (small_head("vgg11_bn", 64), 64),
    "squeezenet1_1": (zoo("squeezenet1_1"), 64),
    "resnet18": (zoo("resnet18"), 64),
    "resnext": (
        lambda: resnet.ResNet(resnet.Bottleneck, [1, 1, 1, 1], num_classes=CLASSES, groups=32, width_per_group=4),
        64,
    ),
    "densenet": (lambda: densenet.DenseNet(16, (2, 3, 2, 2), 32, num_classes=CLASSES), 64),
    "googlenet": (zoo("googlenet", aux_logits=False, init_weights=False), 32),
    "inception_v3": (zoo("inception_v3", aux_logits=False, init_weights=False), 75),
    "shufflenet_v2_x0_5": (zoo("shufflenet_v2_x0_5"), 32),
    "mobilenet_v2": (zoo("mobilenet_v2"), 32),
    "mobilenet_v3_small": (zoo("mobilenet_v3_small"), 32),
    "mnasnet0_5": (zoo("mnasnet0_5"), 32),
    "efficientnet_b0": (zoo("efficientnet_b0"), 64),
    "efficientnet_v2": (small_efficientnet_v2, 64),
    "regnet_y_400mf": (zoo("regnet_y_400mf"), 32),
    "convnext": (small_convnext, 64),
    "vit": (
        lambda: vision_transformer.VisionTransformer(64, 16, 3, 4, 64, 128, num_classes=CLASSES),
        64,
    ),
    "swin": (small_swin, 64),
    "swin_v2": (
        lambda: small_swin(
            block=swin_transformer.SwinTransformerBlockV2, downsample_layer=swin_transformer.PatchMergingV2
        ),
        64,
    ),
    "maxvit": (
        lambda: maxvit.MaxVit(
            (64, 64), 16, 4, [16, 32, 32], [1, 1, 1], 16, stochastic_depth_prob=0.0, num_classes=CLASSES
        ),
        64,
    ),
}  # fmt: skip

# Deep networks that statistics of a batch would make chaotic: each normalization to unit variance at random weights enlarges
# what rounding did, until the logits' fourth digit depends on it (Yang et al., A Mean Field Theory of Batch Normalization,
# 2019). Theirs are drawn, and their weights keep the size of activations as in He et al., Delving Deep into Rectifiers, 2015.
CALM = {"googlenet", "inception_v3", "mnasnet0_5", "mobilenet_v2", "regnet_y_400mf", "shufflenet_v2_x0_5"}

# Networks that are exported with an open batch size, and compared on a batch of two.
DYNAMIC = {"resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "efficientnet_b0", "convnext", "vit"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the folder to write")
    parser.add_argument("--only", default="", help="only families whose name matches this regular expression")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    entries = []
    for name in FAMILIES:
        if re.search(arguments.only, name):
            start = time.monotonic()
            entries.append(make(name, arguments.out / name))
            print(f"{name}: {time.monotonic() - start:.0f} s {entries[-1].get('refused', '')}", flush=True)
    index = {"torch": torch.__version__, "torchvision": torchvision.__version__, "models": entries}
    (arguments.out / "index.json").write_text(json.dumps(index, indent=1))


def make(name, folder):
    """Writes one family; returns its entry in the index."""
    folder.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(name.encode())
    torch.manual_seed(seed)
    build, size = FAMILIES[name]
    network = trained_looking(build(), size, name in CALM)
    rng = np.random.default_rng(seed)
    batch = 2 if name in DYNAMIC else 1
    cotangent = rng.uniform(-1, 1, (batch, CLASSES)).astype(np.float32)
    exact = network.double()
    image, unsteady = steady_image(exact, rng, cotangent, size)
    logits, grad = autograd(exact, image, cotangent)
    for stem, array in {"image": image, "cotangent": cotangent, "logits": logits, "grad": grad}.items():
        np.save(folder / f"{stem}.npy", np.ascontiguousarray(array))
    network = network.float()
    entry = {"name": name, "size": size, "batch": batch, "unsteady": unsteady, "exporters": [], "refused": {}}
    for exporter in (torchscript, dynamo):
        try:
            exporter(network, torch.from_numpy(image), folder / f"{exporter.__name__}.onnx", name in DYNAMIC)
            entry["exporters"].append(exporter.__name__)
        except Exception as error:  # whatever an exporter raises
            entry["refused"][exporter.__name__] = f"{type(error).__name__}: {error}".split("\n")[0][:200]
    return entry


def trained_looking(network, size, calm):
    """Parameters that are born constant (biases, scales) get values of their own, and the running statistics those of a batch,
    or drawn ones."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.numel() > 1 and torch.all(parameter == parameter.flatten()[0]):
                parameter.add_(0.1 * torch.randn_like(parameter))
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0
                layer.running_mean.normal_(0, 0.1)
                layer.running_var.uniform_(0.5, 1.5)
            elif isinstance(layer, nn.Conv2d) and calm:
                nn.init.kaiming_normal_(layer.weight)
        if not calm:
            network.train()
            network(torch.rand(8, 3, size, size))
    return network.eval()


def autograd(network, image, cotangent):
    x = torch.from_numpy(image).double().requires_grad_()
    logits = network(x)
    (grad,) = torch.autograd.grad((logits * torch.from_numpy(cotangent).double()).sum(), x)
    return logits.detach().numpy(), grad.numpy()


def steady_image(network, rng, cotangent, size):
    """An image whose gradient does not hang on rounding, and how much it changes when the image is nudged."""
    best = None
    for _ in range(IMAGES):
        image = rng.uniform(0, 1, (len(cotangent), 3, size, size)).astype(np.float32)
        _, grad = autograd(network, image, cotangent)
        nudged = image * (1 + NUDGE * rng.choice([-1.0, 1.0], image.shape))
        _, other = autograd(network, nudged, cotangent)
        change = float(np.linalg.norm(other - grad) / np.linalg.norm(grad))
        if best is None or change < best[1]:
            best = image, change
        if change < STEADY:
            break
    return best


def torchscript(network, image, path, dynamic):
    axes = {"image": {0: "batch"}, "logits": {0: "batch"}} if dynamic else None
    torch.onnx.export(
        network, (image,), path, dynamo=False, opset_version=17,
        input_names=["image"], output_names=["logits"], dynamic_axes=axes,
    )  # fmt: skip


def dynamo(network, image, path, dynamic):
    shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(
            network, (image,), path, dynamo=True, opset_version=20, external_data=False, verbose=False,
            input_names=["image"], output_names=["logits"], dynamic_shapes=shapes,
        )  # fmt: skip


if __name__ == "__main__":
    main()
