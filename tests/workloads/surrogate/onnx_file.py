"""Writes a small network to an ONNX file without the package onnx.

The network is linear and has the signature of YAHPO Gym's surrogates: it maps int32 `x_cat` of shape (batch,
categorical) and float32 `x_cont` of shape (batch, continuous) to float32 `output` of shape (batch, outputs),

    output = x_cat @ w_cat + x_cont @ w_cont.

Source: onnx.proto of github.com/onnx/onnx, whose field numbers are repeated here; opset 13, IR version 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

FLOAT, INT32 = 1, 6


def varint(value: int) -> bytes:
    """Encode a number of protobuf: seven bits per byte, the least significant first."""
    head = b""
    while value > 127:
        head, value = head + bytes([value & 127 | 128]), value >> 7
    return head + bytes([value])


def number(field: int, value: int) -> bytes:
    """Encode a field that is a number."""
    return varint(field << 3) + varint(value)


def block(field: int, content: bytes | str) -> bytes:
    """Encode a field that is a text or a message."""
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def tensor(name: str, values: NDArray[np.float32]) -> bytes:
    """TensorProto: dims = 1, data_type = 2, name = 8, raw_data = 9."""
    dims = b"".join(number(1, size) for size in values.shape)
    return dims + number(2, FLOAT) + block(8, name) + block(9, values.astype("<f4").tobytes())


def value(name: str, kind: int, width: int) -> bytes:
    """ValueInfoProto of shape (batch, width): name = 1, type = 2."""
    shape = block(1, block(2, "batch")) + block(1, number(1, width))
    return block(1, name) + block(2, block(1, number(1, kind) + block(2, shape)))


def node(operator: str, inputs: list[str], output: str, attribute: bytes = b"") -> bytes:
    """NodeProto: input = 1, output = 2, op_type = 4, attribute = 5."""
    return b"".join(block(1, name) for name in inputs) + block(2, output) + block(4, operator) + attribute


def write(path: Path, w_cat: NDArray[np.float32], w_cont: NDArray[np.float32]) -> None:
    """Write the network; ModelProto: ir_version = 1, graph = 7, opset_import = 8."""
    to_float = block(5, block(1, "to") + number(3, FLOAT) + number(20, 2))
    nodes = [
        node("Cast", ["x_cat"], "codes", to_float),
        node("MatMul", ["codes", "w_cat"], "a"),
        node("MatMul", ["x_cont", "w_cont"], "b"),
        node("Add", ["a", "b"], "output"),
    ]
    graph = b"".join(block(1, one) for one in nodes) + block(2, "linear")
    graph += block(5, tensor("w_cat", w_cat)) + block(5, tensor("w_cont", w_cont))
    graph += block(11, value("x_cat", INT32, len(w_cat))) + block(11, value("x_cont", FLOAT, len(w_cont)))
    graph += block(12, value("output", FLOAT, w_cat.shape[1]))
    path.write_bytes(number(1, 8) + block(7, graph) + block(8, block(1, "") + number(2, 13)))
