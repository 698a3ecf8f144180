"""Plain PyTorch doing what `pellucid bench` measures, so that both can be measured in turn.

A ResNet-18 of torchvision learns to withstand projected gradient descent in the L2 ball (Madry et al., 2018), with the
conventions of MadryLab's `robustness`: pixels in [0, 1], a random start, the iterate with the highest loss kept. Orders come
in on standard input and answers go out on standard output, one line each; trainer/src/bench/protocol.rs describes them.

    python3 baseline.py --mode eager-float32 --device cuda --size 224 --batch 16 --steps 7

Modes: eager-float32 (as PyTorch comes, which rounds convolutions' factors to TF32 on CUDA), eager-bf16-channels-last
(autocast), compile-bf16-channels-last (the same under torch.compile).
"""

import argparse
import contextlib
import json
import sys
import time

WARM_UP = 2
EPSILON = 3.0
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def answer(**fields):
    print(json.dumps(fields), flush=True)


class Worker:
    def __init__(self, options):
        import torch
        import torchvision

        self.torch = torch
        self.device = torch.device(options.device)
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("PyTorch sees no CUDA device")
        torch.manual_seed(0)
        self.bf16 = "bf16" in options.mode
        layout = torch.channels_last if "channels-last" in options.mode else torch.contiguous_format
        body = torchvision.models.resnet18(num_classes=3)
        self.network = Normalized(torch, body).to(self.device, memory_format=layout)
        # One network in two modes: compiled, each mode is a graph of its own.
        self.forward_pass = torch.compile(self.network) if "compile" in options.mode else self.network
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=3e-4, weight_decay=5e-4)
        shape = (options.batch, 3, options.size, options.size)
        images = torch.rand(shape, device=self.device)
        self.images = images.contiguous(memory_format=layout)
        self.labels = torch.arange(options.batch, device=self.device) % 3
        self.steps = options.steps
        self.step_size = 1.4 * EPSILON / options.steps
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
            self.resting = torch.cuda.max_memory_allocated()
        for _ in range(WARM_UP):
            self.step()
        for _ in range(WARM_UP):
            self.forward()
        self.synchronize()

    def precision(self):
        if self.bf16:
            return self.torch.autocast(self.device.type, dtype=self.torch.bfloat16)
        return contextlib.nullcontext()

    def losses(self, images):
        with self.precision():
            logits = self.forward_pass(images)
        return self.torch.nn.functional.cross_entropy(logits.float(), self.labels, reduction="none")

    def attack(self):
        torch, clean = self.torch, self.images
        length = lambda x: x.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)
        start = torch.randn_like(clean)
        radius = torch.rand(len(clean), 1, 1, 1, device=clean.device) ** (1 / clean[0].numel())
        images = (clean + EPSILON * radius * start / length(start)).clamp(0, 1)
        best, highest = images, torch.full((len(clean),), -float("inf"), device=clean.device)
        self.network.eval()
        for step in range(self.steps + 1):
            if step < self.steps:
                images = images.detach().requires_grad_(True)
                losses = self.losses(images)
                (gradient,) = torch.autograd.grad(losses.sum(), images)
            else:
                with torch.no_grad():
                    losses = self.losses(images)
            losses, images = losses.detach(), images.detach()
            higher = losses > highest
            best = torch.where(higher.view(-1, 1, 1, 1), images, best)
            highest = torch.where(higher, losses, highest)
            if step < self.steps:
                offset = images + self.step_size * gradient / length(gradient) - clean
                offset = offset * (EPSILON / length(offset)).clamp_max(1)
                images = (clean + offset).clamp(0, 1)
        return best

    def step(self):
        images = self.attack()
        self.network.train()
        with self.precision():
            logits = self.forward_pass(images)
        loss = self.torch.nn.functional.cross_entropy(logits.float(), self.labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def forward(self):
        self.network.eval()
        with self.torch.no_grad(), self.precision():
            self.forward_pass(self.images)

    def synchronize(self):
        if self.device.type == "cuda":
            self.torch.cuda.synchronize()

    def timed(self, count, run):
        self.synchronize()
        begun = time.perf_counter()
        for _ in range(count):
            run()
        self.synchronize()
        return time.perf_counter() - begun

    def memory(self):
        """The most bytes that tensors have held on the card."""
        if self.device.type != "cuda":
            raise RuntimeError("memory is measured on a card only")
        return self.torch.cuda.max_memory_allocated() - self.resting

    def carry_out(self, line):
        match line.split():
            case ["step", count]:
                answer(seconds=self.timed(int(count), self.step))
            case ["forward", count]:
                answer(seconds=self.timed(int(count), self.forward))
            case ["memory"]:
                answer(bytes=self.memory())
            case _:
                answer(failed=f"`{line.strip()}` is no order")


def Normalized(torch, body):
    """`body` on (image - mean) / std."""

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = body
            self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
            self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

        def forward(self, images):
            return self.body((images - self.mean) / self.std)

    return Module()


def sentence(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def main():
    begun = time.perf_counter()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    modes = ["eager-float32", "eager-bf16-channels-last", "compile-bf16-channels-last"]
    parser.add_argument("--mode", choices=modes, required=True)
    parser.add_argument("--device", choices=["cpu", "cuda"], required=True)
    for name in ["size", "batch", "steps"]:
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    try:
        worker = Worker(options)
    except ImportError as error:
        return answer(failed=f"this Python lacks what the baseline needs: {error}")
    except Exception as error:  # Whatever it is, it is told in one sentence, and the others go on.
        return answer(failed=sentence(error))
    answer(ready=time.perf_counter() - begun)
    for line in sys.stdin:
        try:
            worker.carry_out(line)
        except Exception as error:
            answer(failed=sentence(error))


if __name__ == "__main__":
    main()
