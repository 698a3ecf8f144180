"""Makes the corpus of timm's networks: families that torchvision does not have, as `exported.py` says.

    timm_models.py --out FOLDER [--only REGEX]

Each family is represented by its smallest member, with fewer and narrower blocks where that is large.
"""

import functools

import timm
from timm.models import ghostnet
from timm.models.byobnet import ByoBlockCfg
from timm.models.convmixer import ConvMixer
from timm.models.dpn import DPN
from timm.models.focalnet import FocalNet
from timm.models.levit import Levit
from timm.models.metaformer import Attention, GroupNorm1, LayerNorm2dNoBias, LayerNormNoBias, MetaFormer, SepConv
from timm.models.mlp_mixer import Affine, GatedMlp, MlpMixer, ResBlock, SpatialGatingBlock
from timm.models.resnetv2 import ResNetV2
from timm.models.volo import VOLO
from timm.layers import set_fused_attn
from torch import nn

from exported import CLASSES, Family, main


def zoo(name, **options):
    return functools.partial(timm.create_model, name, pretrained=False, num_classes=CLASSES, **options)


def of(kind, *arguments, **options):
    return functools.partial(kind, *arguments, num_classes=CLASSES, **options)


def unfused(build):
    """With attention as the products and the softmax that it is defined by: PyTorch's exporters do not take its fused operator
    in more than four dimensions or with a flag that they trace."""

    def built():
        set_fused_attn(False)
        try:
            return build()
        finally:
            set_fused_attn(True)

    return built


def blocks(kind, widths, **options):
    return tuple(ByoBlockCfg(type=kind, d=1, c=width, s=2, gs=0, **options) for width in widths)


FOUR = (16, 32, 48, 64)

FAMILIES = {
    # Convolutional networks.
    "resnetv2_bit": Family(of(ResNetV2, [1, 1, 1, 1], channels=(128, 128, 256, 256), stem_chs=32), 64, dynamic=True),
    "nf_resnet": Family(zoo("nf_resnet26", depths=(1, 1, 1, 1), channels=(64, 96, 128, 160)), 64),
    "nfnet": Family(zoo("dm_nfnet_f0", depths=(1, 1, 1, 1), channels=(32, 64, 96, 96), group_size=16), 64, dynamic=True),
    "tf_efficientnetv2": Family(zoo("tf_efficientnetv2_b0", channel_multiplier=0.35), 64),
    "mobilenetv4": Family(zoo("mobilenetv4_conv_small_035"), 32),
    "mobileone": Family(
        zoo("mobileone_s0", blocks=blocks("one", (24, 48, 64, 96), block_kwargs={"num_conv_branches": 4}), stem_chs=24), 64
    ),
    "fastvit": Family(zoo("fastvit_t8", embed_dims=(16, 32, 64, 128), layers=(1, 1, 2, 1)), 64),
    "repvgg": Family(zoo("repvgg_a0", blocks=blocks("rep", (24, 48, 64, 96)), stem_chs=24), 64, dynamic=True),
    "ghostnetv2": Family(of(ghostnet._create_ghostnet, "ghostnetv2_100", 0.5, version="v2"), 64),
    "hrnet": Family(zoo("hrnet_w18_small"), 32, calm=True),
    "dla": Family(zoo("dla46_c"), 32, calm=True),
    "dpn": Family(
        of(DPN, k_sec=(1, 1, 2, 1), inc_sec=(4, 4, 8, 12), k_r=32, groups=8, num_init_features=16, small=True), 64
    ),
    "res2net": Family(zoo("res2net50_14w_8s", layers=[1, 1, 1, 1], channels=(32, 64, 96, 128), base_width=24), 64),
    "resnest": Family(zoo("resnest14d", channels=FOUR), 64),
    "sknet": Family(zoo("skresnet18", channels=FOUR), 64),
    "cspnet": Family(zoo("cs3darknet_s"), 64),
    "vovnet": Family(zoo("ese_vovnet19b_slim_dw"), 64),
    "rexnet": Family(zoo("rexnet_100", width_mult=0.5), 32),
    "convnextv2": Family(zoo("convnextv2_atto", dims=(16, 24, 32, 48), depths=(1, 1, 2, 1)), 64, dynamic=True),
    "convmixer": Family(of(ConvMixer, 64, 4, kernel_size=9, patch_size=7), 56),
    "inception_next": Family(zoo("inception_next_atto", depths=(1, 1, 2, 1)), 64),
    "starnet": Family(zoo("starnet_s050"), 64),
    "focalnet": Family(of(FocalNet, embed_dim=24, depths=(1, 1, 2, 1)), 64),
    # Convolutions and attention.
    "levit": Family(of(Levit, 64, embed_dim=(48, 64, 96), key_dim=16, depth=(1, 2, 1), num_heads=(2, 3, 4)), 64, dynamic=True),
    "efficientformerv2": Family(zoo("efficientformerv2_s0", img_size=64, embed_dims=FOUR, depths=(1, 1, 2, 2)), 64),
    "mobilevit": Family(zoo("mobilevit_xxs"), 64),
    "mobilevitv2": Family(zoo("mobilevitv2_050"), 64),
    "coatnet": Family(zoo("coatnet_pico_rw_224", img_size=64, embed_dim=(32, 64, 96, 128), depths=(1, 1, 2, 1)), 64),
    "poolformer": Family(
        of(MetaFormer, depths=(1, 1, 2, 1), dims=FOUR, downsample_norm=None, mlp_act=nn.GELU, mlp_bias=True,
           norm_layers=GroupNorm1, layer_scale_init_values=1e-5, res_scale_init_values=None, use_mlp_head=False), 64
    ),
    "caformer": Family(
        of(MetaFormer, depths=(1, 1, 2, 1), dims=(32, 64, 64, 96), token_mixers=[SepConv, SepConv, Attention, Attention],
           norm_layers=[LayerNorm2dNoBias] * 2 + [LayerNormNoBias] * 2), 64, dynamic=True
    ),
    "edgenext": Family(zoo("edgenext_xx_small"), 64),
    "swiftformer": Family(zoo("swiftformer_xs", embed_dims=FOUR, layers=(1, 1, 2, 1)), 64),
    "efficientvit": Family(zoo("efficientvit_b0"), 64),
    "botnet": Family(
        zoo("botnet26t_256", img_size=128, stem_chs=32, blocks=(
            *blocks("bottle", (32, 48), br=0.5), *blocks("self_attn", (64, 64), self_attn_layer="bottleneck"))), 128
    ),
    "tiny_vit": Family(
        zoo("tiny_vit_5m_224", embed_dims=(32, 48, 64, 80), num_heads=(2, 3, 4, 5), window_sizes=(4, 4, 4, 4)), 64
    ),
    "visformer": Family(zoo("visformer_tiny", img_size=64, embed_dim=48, depth=(2, 1, 1)), 64),
    # Perceptrons.
    "mixer": Family(of(MlpMixer, img_size=64, patch_size=16, num_blocks=3, embed_dim=64), 64, dynamic=True),
    "gmlp": Family(
        of(MlpMixer, img_size=64, patch_size=16, num_blocks=3, embed_dim=32, mlp_ratio=6, block_layer=SpatialGatingBlock,
           mlp_layer=GatedMlp), 64
    ),
    "resmlp": Family(
        of(MlpMixer, img_size=64, patch_size=16, num_blocks=3, embed_dim=64, mlp_ratio=4, block_layer=ResBlock,
           norm_layer=Affine), 64
    ),
    # Transformers.
    "deit": Family(zoo("deit_tiny_distilled_patch16_224", img_size=64, depth=3, embed_dim=96), 64, dynamic=True),
    "eva": Family(unfused(zoo("eva02_tiny_patch14_224", img_size=56, depth=3, embed_dim=96)), 56),
    "cait": Family(zoo("cait_xxs24_224", img_size=64, depth=3, embed_dim=64), 64),
    "xcit": Family(zoo("xcit_nano_12_p16_224", img_size=64, depth=3, embed_dim=64), 64),
    "pit": Family(zoo("pit_ti_224", img_size=64, base_dims=[16, 16, 16], depth=[1, 2, 1]), 64),
    "crossvit": Family(zoo("crossvit_tiny_240", img_size=120, embed_dim=[32, 64], num_heads=[2, 2]), 120),
    "twins": Family(
        unfused(zoo("twins_svt_small", img_size=64, embed_dims=[32, 48, 64, 96], depths=[2] * 4, num_heads=[2, 2, 4, 4])), 64
    ),
    "pvt_v2": Family(zoo("pvt_v2_b0", embed_dims=(16, 32, 80, 128), depths=(1, 1, 2, 1)), 64),
    "davit": Family(zoo("davit_tiny", embed_dims=(24, 32, 48, 64), num_heads=(2, 2, 4, 4), depths=(1, 1, 2, 1)), 64),
    "hiera": Family(unfused(zoo("hiera_tiny_224", img_size=(64, 64), embed_dim=24, num_heads=1, stages=(1, 1, 2, 1))), 64),
    "volo": Family(of(VOLO, (1, 1, 2, 1), img_size=64, embed_dims=(48, 64, 64, 64), num_heads=(2, 4, 4, 4)), 64),
}  # fmt: skip


if __name__ == "__main__":
    main(__doc__, FAMILIES, {"timm": timm.__version__})
