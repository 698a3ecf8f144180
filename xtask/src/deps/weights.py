"""Turns a state dict in PyTorch's older format (before 1.6) into .safetensors: `weights.py IN.pth OUT.safetensors`.

Python's standard library is enough: such a file is five pickles and, behind them, the numbers of each storage.
"""

import array
import collections
import json
import pickle
import struct
import sys

MAGIC = 0x1950A86A20F9469CFC6C
# Name and bytes of an element; counters are no weights, but have to be read past.
STORAGES = {"FloatStorage": ("F32", 4), "LongStorage": (None, 8)}

Tensor = collections.namedtuple("Tensor", "storage offset shape strides requires_grad hooks")
Storage = collections.namedtuple("Storage", "kind key count")


class Reader(pickle.Unpickler):
    """Knows what a state dict is made of, and nothing else: a pickle may otherwise run anything."""

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return Tensor
        if module == "torch" and name in STORAGES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a state dict")

    def persistent_load(self, saved):
        _, kind, key, _, count, view = saved
        if view is not None:
            raise pickle.UnpicklingError("views of storages are not read")
        return Storage(kind, key, count)


def state_dict(file):
    """The tensors by name, and the bytes of each storage by its key."""
    magic, _, _, tensors, keys = (Reader(file).load() for _ in range(5))
    if magic != MAGIC:
        raise ValueError("not a file of PyTorch's older format")
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    values = {}
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        if count != storages[key].count:
            raise ValueError(f"storage {key} has another length than its tensor says")
        values[key] = file.read(count * STORAGES[storages[key].kind][1])
        if len(values[key]) != count * STORAGES[storages[key].kind][1]:
            raise ValueError("the file ends early")
    return tensors, values


def in_order(tensor, values):
    """The tensor's numbers, the last axis fastest, whatever their order in the storage."""
    numbers = array.array("f", values)
    places = [tensor.offset]
    for size, stride in zip(tensor.shape, tensor.strides):
        places = [place + index * stride for place in places for index in range(size)]
    return array.array("f", [numbers[place] for place in places]).tobytes()


def main(source, target):
    with open(source, "rb") as file:
        tensors, values = state_dict(file)
    header, parts, at = {}, [], 0
    for name, tensor in tensors.items():
        kind, _ = STORAGES[tensor.storage.kind]
        if kind is None:
            continue
        data = in_order(tensor, values[tensor.storage.key])
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(target, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for data in parts:
            file.write(data)


if __name__ == "__main__":
    main(*sys.argv[1:])
