"""Makes a corpus of whole networks as PyTorch's two exporters write them, with the gradient of PyTorch's autograd: what the
lists of families in `models.py` and `timm_models.py` share.

Every list writes `index.json`; for every network a folder with `image.npy`, `cotangent.npy` (float32), `logits.npy`, `grad.npy`
and, of some, `step.npy` (float64: the whole network computed so); and for every exporter `torchscript.onnx` and `dynamo.onnx` in it. Weights
are random.

The image is chosen: two engines round differently, and where a pre-activation is nearly zero they end up on different sides of
a ReLU, after which their gradients are rightly different. Of several images the one is taken whose gradient changes least when
the image is moved by the relative distance `NUDGE`, several times what rounding does.

Autograd is not trusted either: its gradient is held to central differences of the network's own forward pass (`slopes.py`),
to 1e-5. In PyTorch 2.11 that of a batch normalization is wrong on a CPU where its only image becomes tokens: `[1, C, H, W]` is
flattened and transposed, the cotangent comes back with the strides of that, and is read in another order. `grad.npy` is then
what autograd says with those cotangents laid out anew, held to the same differences; the index says how far it was off without.
"""

import argparse
import contextlib
import copy
import dataclasses
import io
import json
import logging
import multiprocessing
import os
import pathlib
import re
import time
import typing
import warnings
import zlib

import numpy as np
import torch
from torch import nn
from torch.fx.experimental.optimization import fuse

from slopes import distance, measured

CLASSES = 10
# Float32 rounding moves an activation by some 1e-7 a layer.
NUDGE = 3e-6
# The gradient of a smooth network moves by about NUDGE; a flipped decision moves it by 1e-3.
STEADY = 5e-5
IMAGES = 8
# How far an image is attacked, in the L2 norm, and how long a step of training is.
RADIUS = 0.5
STRIDE = 1e-3
# Autograd in float64 and differences agree to 1e-7 or better; an autograd that is wrong is off by 1e-3 and more.
TRUSTED = 1e-5


@dataclasses.dataclass(frozen=True)
class Family:
    """How a family's member is built, and how it is exported."""

    build: typing.Callable[[], nn.Module]
    # The image's height and width.
    size: int
    # Deep networks that statistics of a batch would make chaotic: each normalization to unit variance at random weights enlarges
    # what rounding did, until the logits' fourth digit depends on it (Yang et al., A Mean Field Theory of Batch Normalization,
    # 2019). Theirs are drawn, and their weights keep the size of activations as in He et al., Delving Deep into Rectifiers, 2015.
    calm: bool = False
    # Whether it is exported with an open batch size, and compared on a batch of two.
    dynamic: bool = False
    # Whether a step of training is computed, too. The network must not keep what it computes from its parameters.
    trained: bool = False


def main(description, families, versions):
    """Makes the corpus of `families`, by name, as the command line wants it; `versions` goes into the index."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the folder to write")
    parser.add_argument("--only", default="", help="only families whose name matches this regular expression")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    chosen = [name for name in families if re.search(arguments.only, name)]
    # Families hold functions, which no queue carries: the processes inherit them.
    context = multiprocessing.get_context("fork")
    with context.Pool(len(os.sched_getaffinity(0)), inherit, (families, arguments.out)) as pool:
        entries = pool.map(inherited, chosen, chunksize=1)
    index = {"torch": torch.__version__, **versions, "models": entries}
    (arguments.out / "index.json").write_text(json.dumps(index, indent=1))


def inherit(families, out):
    inherit.families, inherit.out = families, out
    torch.set_num_threads(1)


def inherited(name):
    start = time.monotonic()
    entry = make(name, inherit.families[name], inherit.out / name)
    said = [f"{key}: {entry[key]}" for key in ("refused", "autograd_off") if entry[key]]
    print(f"{name}: {time.monotonic() - start:.0f} s", *said, flush=True)
    return entry


def make(name, family, folder):
    """Writes one family; returns its entry in the index."""
    folder.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(name.encode())
    torch.manual_seed(seed)
    network = trained_looking(family.build(), family.size, family.calm)
    rng = np.random.default_rng(seed)
    batch = 2 if family.dynamic else 1
    cotangent = rng.uniform(-1, 1, (batch, CLASSES)).astype(np.float32)
    exact = network.double()
    with fresh_cotangents(exact):
        image, unsteady = steady_image(exact, rng, cotangent, family.size)
    logits, grad, off = held_to_differences(exact, image, cotangent, rng)
    arrays = {"image": image, "cotangent": cotangent, "logits": logits, "grad": grad}
    if family.trained:
        arrays["step"] = training_steps(exact, image)
    for stem, array in arrays.items():
        np.save(folder / f"{stem}.npy", np.ascontiguousarray(array))
    network = network.float()
    entry = {"name": name, "size": family.size, "batch": batch, "unsteady": unsteady, "autograd_off": off}
    entry |= {"exporters": [], "refused": {}}
    for exporter in (torchscript, dynamo):
        try:
            exporter(network, torch.from_numpy(image), folder / f"{exporter.__name__}.onnx", family)
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
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.momentum = 1.0
                layer.running_mean.normal_(0, 0.1)
                layer.running_var.uniform_(0.5, 1.5)
            elif isinstance(layer, nn.Conv2d) and calm:
                nn.init.kaiming_normal_(layer.weight)
        if not calm:
            network.train()
            network(torch.rand(8, 3, size, size))
    return network.eval()


def held_to_differences(network, image, cotangent, rng):
    """Logits, the gradient that differences confirm, and how far autograd is off them, or `None` where it is not."""
    with torch.no_grad():
        score = lambda at: float((forward(network, torch.from_numpy(at)) * torch.from_numpy(cotangent)).sum())
        directions, slopes, doubt = measured(score, image, rng)
    if doubt > TRUSTED:
        raise RuntimeError(f"differences say nothing: two of them lie {doubt:.1e} apart")
    logits, grad = autograd(network, image, cotangent)
    off = distance(grad, directions, slopes)
    if off < TRUSTED:
        return logits, grad, None
    with fresh_cotangents(network):
        logits, grad = autograd(network, image, cotangent)
    if (left := distance(grad, directions, slopes)) > TRUSTED:
        raise RuntimeError(f"autograd is {left:.1e} off differences, and not by its batch normalizations alone")
    return logits, grad, off


def training_steps(network, image):
    """A step of adversarial training, `[2, 4]`: of the network as it is and, where that works, with its batch normalizations folded into
    the convolutions before them, as exporters do. Each: the loss on attacked images, the length of its gradient with respect to all
    parameters, the loss after a step of length `STRIDE` against that, and how many numbers are learnt."""
    steps = [training_step(network, image)]
    try:
        steps.append(training_step(fuse(network), image))
    except Exception:  # whatever a network does that cannot be traced
        steps.append([np.nan] * 4)
    return np.array(steps)


def training_step(network, image):
    network = copy.deepcopy(network)
    labels = torch.tensor([(3 * index + 1) % CLASSES for index in range(len(image))])
    loss = lambda x: nn.functional.cross_entropy(forward(network, x), labels)
    with fresh_cotangents(network):
        x = torch.from_numpy(image).double().requires_grad_()
        (slope,) = torch.autograd.grad(loss(x), x)
        attacked = (x + RADIUS * slope / slope.flatten(1).norm(dim=1).view(-1, 1, 1, 1)).detach()
        # Biases that folding has made are born without a gradient.
        parameters = [parameter.requires_grad_() for parameter in network.parameters()]
        before = loss(attacked)
        slopes = torch.autograd.grad(before, parameters)
    length = torch.sqrt(sum(slope.square().sum() for slope in slopes))
    with torch.no_grad():
        for parameter, slope in zip(parameters, slopes):
            parameter -= STRIDE * slope / length
        after = loss(attacked)
    return [float(before), float(length), float(after), sum(parameter.numel() for parameter in parameters)]


@contextlib.contextmanager
def fresh_cotangents(network):
    """Lays the cotangent of every batch normalization out anew before it is used."""

    def watch(_layer, _inputs, output):
        if output.requires_grad:
            output.register_hook(lambda cotangent: cotangent.clone(memory_format=torch.contiguous_format))

    normalizations = [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    hooks = [layer.register_forward_hook(watch) for layer in normalizations]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def forward(network, x):
    """The logits in float64, also of a network that asks for float32 somewhere within."""
    single = torch.Tensor.float
    torch.Tensor.float = torch.Tensor.double
    try:
        return network(x.double())
    finally:
        torch.Tensor.float = single


def autograd(network, image, cotangent):
    x = torch.from_numpy(image).double().requires_grad_()
    logits = forward(network, x)
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


def torchscript(network, image, path, family):
    axes = {"image": {0: "batch"}, "logits": {0: "batch"}} if family.dynamic else None
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(
            network, (image,), path, dynamo=False, opset_version=17,
            input_names=["image"], output_names=["logits"], dynamic_axes=axes,
        )  # fmt: skip


def dynamo(network, image, path, family):
    shapes = ({0: torch.export.Dim("batch")},) if family.dynamic else None
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(
            network, (image,), path, dynamo=True, opset_version=20, external_data=False, verbose=False,
            input_names=["image"], output_names=["logits"], dynamic_shapes=shapes,
        )  # fmt: skip
