"""How much the gradient adds to networks of torchvision's own size, and how long it takes from file to file.

    cargo build --example differentiate
    .pellucid/reference/bin/python tests/reference/growth.py [NETWORK ...]
"""

import argparse
import pathlib
import subprocess
import tempfile
import time
import warnings

import torch
import torchvision

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = ROOT / "target/debug/examples/differentiate"
NETWORKS = [
    "shufflenet_v2_x0_5", "densenet121", "mobilenet_v3_small", "efficientnet_b0", "squeezenet1_1", "regnet_y_400mf",
    "mnasnet0_5", "maxvit_t", "mobilenet_v2", "swin_t", "convnext_tiny", "vit_b_16",
]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS, help="names of torchvision's models")
    warnings.simplefilter("ignore")
    for name in parser.parse_args().networks:
        with tempfile.TemporaryDirectory() as scratch:
            plain, derived = pathlib.Path(scratch, "plain.onnx"), pathlib.Path(scratch, "grad.onnx")
            network = getattr(torchvision.models, name)(weights=None).eval()
            torch.onnx.export(
                network, (torch.rand(1, 3, 224, 224),), plain, dynamo=False, opset_version=17,
                input_names=["image"], output_names=["logits"],
            )  # fmt: skip
            begun = time.monotonic()
            line = f"{plain}\t{derived}\timage\tlogits\n"
            answer = subprocess.run([BINARY], input=line, text=True, stdout=subprocess.PIPE, check=True).stdout
            seconds = time.monotonic() - begun
            if not answer.startswith("ok"):
                raise SystemExit(f"{name}: {answer}")
            before, after = plain.stat().st_size, derived.stat().st_size
            added = after - before
            print(f"{name}: {before / 1e6:.1f} MB, {added / 1e3:.0f} kB ({100 * added / before:.2f} %) added in {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
