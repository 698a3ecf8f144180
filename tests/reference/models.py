"""Makes the corpus of torchvision's networks: its classification families, as `exported.py` says.

    models.py --out FOLDER [--only REGEX]

Families whose smallest member is large are built by torchvision's own classes with fewer or narrower blocks.
"""

import functools

import torchvision
from torch import nn
from torchvision.models import convnext, densenet, efficientnet, maxvit, resnet, swin_transformer, vision_transformer

from exported import CLASSES, Family, main


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

# Networks that are exported with an open batch size; what `Family.calm` means.
DYNAMIC = {"resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "efficientnet_b0", "convnext", "vit"}
CALM = {"googlenet", "inception_v3", "mnasnet0_5", "mobilenet_v2", "regnet_y_400mf", "shufflenet_v2_x0_5"}


if __name__ == "__main__":
    families = {
        name: Family(build, size, calm=name in CALM, dynamic=name in DYNAMIC, trained=True) for name, (build, size) in FAMILIES.items()
    }  # fmt: skip
    main(__doc__, families, {"torchvision": torchvision.__version__})
