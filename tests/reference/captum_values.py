"""Makes the attribution values that the Rust tests compare with: Captum's own, on one small network and one image.

Run by hand, once; the result is committed (shared/tests/captum, about 200 kB). Needs torch 2.11.0, captum 0.8.0, onnx
1.18.0 and numpy 1.26.4:

    python tests/reference/captum_values.py shared/tests/captum

Everything is computed in float64 on weights and pixels that float32 holds exactly, and stored as float32. Captum has no
Grad-CAM++, Layer-CAM, CAM, Score-CAM and RISE; for these the papers' formulas stand below, written with torch's autograd.
"""

import json
import sys
from pathlib import Path
from unittest import mock

import captum
import numpy as np
import onnx
import torch
from captum.attr import (
    Deconvolution,
    GradientShap,
    GuidedBackprop,
    InputXGradient,
    IntegratedGradients,
    LayerAttribution,
    LayerGradCam,
    NoiseTunnel,
    Occlusion,
    Saliency,
)
from torch import nn
from torch.nn import functional

SIDE = 24
CLASSES = 4
TARGET = 2
AGAINST = 1


class Network(nn.Module):
    """Convolution, batch normalization, ReLU, max-pooling; global average pooling and one linear layer as head."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.relu1 = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(8, 12, 3, padding=1)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(12, 10, 3, padding=1, stride=2)
        self.relu3 = nn.ReLU()
        self.average = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(10, CLASSES)

    def forward(self, image):
        x = self.pool(self.relu1(self.bn1(self.conv1(image))))
        x = self.relu3(self.conv3(self.relu2(self.conv2(x))))
        return self.fc(torch.flatten(self.average(x), 1))


class Margin(nn.Module):
    """The difference of two logits as a network of one output."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, image):
        logits = self.network(image)
        return logits[:, TARGET : TARGET + 1] - logits[:, AGAINST : AGAINST + 1]


def make_network():
    """Weights that a seed decides, with running statistics and scales as after a training."""
    torch.manual_seed(11)
    network = Network()
    with torch.no_grad():
        network.bn1.running_mean.uniform_(-0.2, 0.2)
        network.bn1.running_var.uniform_(0.6, 1.5)
        network.bn1.weight.uniform_(0.6, 1.4)
        network.bn1.bias.uniform_(-0.3, 0.3)
        for layer in (network.conv2, network.conv3, network.fc):
            layer.weight.mul_(2.5)
    return network.eval()


def export(network, path):
    """The network as ONNX, node by node, so that nothing is folded and every name is known."""
    helper, state = onnx.helper, network.state_dict()
    weights = [
        onnx.numpy_helper.from_array(tensor.numpy().astype(np.float32), name)
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    ]
    bn = ["bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"]
    kernel = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        ("Conv", ["image", "conv1.weight"], "conv1", kernel),
        ("BatchNormalization", ["conv1", *bn], "bn1", {"epsilon": 1e-5}),
        ("Relu", ["bn1"], "relu1", {}),
        ("MaxPool", ["relu1"], "pool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Conv", ["pool", "conv2.weight", "conv2.bias"], "conv2", kernel),
        ("Relu", ["conv2"], "relu2", {}),
        ("Conv", ["relu2", "conv3.weight", "conv3.bias"], "conv3", kernel | {"strides": [2, 2]}),
        ("Relu", ["conv3"], "relu3", {}),
        ("GlobalAveragePool", ["relu3"], "average", {}),
        ("Flatten", ["average"], "flat", {"axis": 1}),
        ("Gemm", ["flat", "fc.weight", "fc.bias"], "logits", {"transB": 1}),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node(op, inputs, [name], name=name, **how) for op, inputs, name, how in nodes],
        "captum",
        [value("image", onnx.TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [value("logits", onnx.TensorProto.FLOAT, ["N", CLASSES])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def make_image():
    """Smooth colours, a hard edge and fine texture, in [0, 1]."""
    c, y, x = np.meshgrid(np.arange(3), np.arange(SIDE), np.arange(SIDE), indexing="ij")
    image = 0.5 + 0.3 * np.sin(0.31 * x + 0.7 * c) * np.cos(0.23 * y - c)
    image += np.where((x - 9) ** 2 + (y - 14) ** 2 < 30, 0.15, -0.1)
    image += ((x * 7 + y * 3 + c * 5) % 11 - 5) / 100
    return torch.tensor(image.clip(0, 1).astype(np.float32)).double()[None]


def uniform(*shape, seed):
    return torch.tensor(np.random.default_rng(seed).random(shape, dtype=np.float32)).double()


def normal(*shape, seed):
    numbers = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    return torch.tensor(numbers).double()


def with_noise(network, image, noise, kind):
    """Captum's NoiseTunnel over the signed gradient, its random draw replaced by `noise`, [samples, 3, H, W]."""
    tunnel = NoiseTunnel(Saliency(network))
    with mock.patch.object(torch, "normal", lambda *_, **__: noise):
        return tunnel.attribute(
            image, nt_type=kind, nt_samples=len(noise), stdevs=1.0, target=TARGET, abs=False
        )


def expected_gradients(network, image, baselines, chosen, shares):
    """Captum's GradientShap without input noise, its two random draws replaced."""
    with (
        mock.patch.object(np.random, "choice", lambda *_, **__: np.array(chosen)),
        mock.patch.object(np.random, "uniform", lambda *_, **__: np.array(shares)),
    ):
        return GradientShap(network).attribute(
            image, baselines=baselines, n_samples=len(chosen), stdevs=0.0, target=TARGET
        )


def features_of(network, image):
    """The last feature map [C, h, w] and the gradient of the target's logit with respect to it."""
    held = []
    hook = network.relu3.register_forward_hook(lambda _, __, output: held.append(output))
    logits = network(image)
    hook.remove()
    (grad,) = torch.autograd.grad(logits[0, TARGET], held[0])
    return held[0][0].detach(), grad[0]


def grad_cam_plus_plus(activations, grads):
    """Chattopadhyay et al. 2018, equations 10 and 19; of exp(S) only the positive factor is left out."""
    square, cube = grads**2, grads**3
    below = 2 * square + activations.sum((1, 2), keepdim=True) * cube
    alphas = torch.where(below != 0, square / torch.where(below != 0, below, 1.0), 0.0)
    weights = (alphas * grads.clamp(min=0)).sum((1, 2))
    return torch.einsum("c,chw->hw", weights, activations).clamp(min=0)


def layer_cam(activations, grads):
    """Jiang et al. 2021, equations 6 and 7."""
    return (grads.clamp(min=0) * activations).sum(0).clamp(min=0)


def cam(network, activations):
    """Zhou et al. 2016, equation 2."""
    return torch.einsum("c,chw->hw", network.fc.weight[TARGET].detach(), activations)


def score_cam(network, image, activations):
    """Wang et al. 2020, algorithm 1; maps without contrast mask everything alike and are left out."""
    moving = [a for a in activations if a.max() > a.min()]
    masks = torch.stack([upsampled(a) for a in moving])
    low, high = masks.amin((1, 2), keepdim=True), masks.amax((1, 2), keepdim=True)
    masks = (masks - low) / (high - low)
    with torch.no_grad():
        scores = network(image * masks[:, None])[:, TARGET] - network(0 * image)[:, TARGET]
    weights = torch.softmax(scores, 0)
    return torch.einsum("c,chw->hw", weights, torch.stack(moving)).clamp(min=0)


def rise(network, image, masks, probability):
    """Petsiuk et al. 2018, equation 6, for the class's probability."""
    with torch.no_grad():
        shares = torch.softmax(network(image * masks[:, None]), 1)[:, TARGET]
    return torch.einsum("n,nhw->hw", shares, masks) / (len(masks) * probability)


def upsampled(coarse):
    return functional.interpolate(coarse[None, None], (SIDE, SIDE), mode="bilinear")[0, 0]


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    network = make_network()
    export(network, folder / "network.onnx")
    network = network.double()
    image, margin = make_image(), Margin(network)
    facts = {
        "software": {
            "torch": torch.__version__,
            "captum": captum.__version__,
            "onnx": onnx.__version__,
            "numpy": np.__version__,
        },
        "target": TARGET,
        "against": AGAINST,
        "logits": network(image)[0].tolist(),
        "deltas": {},
    }

    def save(name, values):
        values = values.detach().numpy()
        values = values[0] if values.ndim == 4 and len(values) == 1 else values
        np.save(folder / f"{name}.npy", np.ascontiguousarray(values.astype(np.float32)))

    save("image", image)
    save("gradient", Saliency(network).attribute(image, target=TARGET, abs=False))
    save("gradient_absolute", Saliency(network).attribute(image, target=TARGET, abs=True))
    save("gradient_margin", Saliency(margin).attribute(image, target=0, abs=False))
    save("input_x_gradient", InputXGradient(network).attribute(image, target=TARGET))
    save("guided", GuidedBackprop(network).attribute(image, target=TARGET))
    save("deconvolution", Deconvolution(network).attribute(image, target=TARGET))

    noise = 0.2 * normal(6, 3, SIDE, SIDE, seed=1)
    save("noise", noise)
    for kind in ("smoothgrad", "smoothgrad_sq", "vargrad"):
        save(kind, with_noise(network, image, noise.float().double(), kind))

    noisy = uniform(1, 3, SIDE, SIDE, seed=2)
    save("baseline", noisy)
    integrated = IntegratedGradients(network)
    for rule in (
        "gausslegendre",
        "riemann_left",
        "riemann_middle",
        "riemann_right",
        "riemann_trapezoid",
    ):
        for name, baseline in (
            ("black", 0 * image),
            ("white", torch.ones_like(image)),
            ("given", noisy),
        ):
            if name != "black" and rule != "gausslegendre":
                continue
            values, delta = integrated.attribute(
                image,
                baseline,
                target=TARGET,
                n_steps=20,
                method=rule,
                return_convergence_delta=True,
            )
            save(f"integrated_{rule}_{name}", values)
            facts["deltas"][f"{rule}_{name}"] = delta.item()

    baselines = torch.cat([0 * image, torch.ones_like(image), noisy])
    chosen, shares = [0, 1, 2, 0, 1, 2], [0.05, 0.31, 0.48, 0.66, 0.73, 0.97]
    facts["expected"] = {"baselines": ["black", "white", "given"], "chosen": chosen, "shares": shares}
    save("expected", expected_gradients(network, image, baselines, chosen, shares))

    activations, grads = features_of(network, image)
    coarse = LayerGradCam(network, network.relu3).attribute(
        image, target=TARGET, relu_attributions=True
    )
    save("grad_cam_coarse", coarse[0, 0])
    save("grad_cam", LayerAttribution.interpolate(coarse, (SIDE, SIDE), "bilinear")[0, 0])
    early = LayerGradCam(network, network.relu1).attribute(
        image, target=TARGET, relu_attributions=True
    )
    save("grad_cam_relu1", early[0, 0])
    save("grad_cam_plus_plus", upsampled(grad_cam_plus_plus(activations, grads)))
    save("layer_cam", upsampled(layer_cam(activations, grads)))
    save("cam", upsampled(cam(network, activations)))
    save("score_cam", upsampled(score_cam(network, image, activations)))

    windows = {"window": 7, "stride": 4, "fill": 0.5}
    facts["occlusion"] = windows
    size, step = windows["window"], windows["stride"]
    occlusion = Occlusion(network).attribute(
        image,
        sliding_window_shapes=(3, size, size),
        strides=(3, step, step),
        baselines=windows["fill"],
        target=TARGET,
    )
    save("occlusion", occlusion[0, 0])

    masks = uniform(9, SIDE, SIDE, seed=3)
    save("masks", masks)
    facts["rise"] = {"probability": 0.4}
    save("rise", rise(network, image, masks, 0.4))

    (folder / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
