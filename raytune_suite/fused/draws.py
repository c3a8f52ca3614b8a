"""Random draws of lanes: pure functions of a key, as in JAX, so that a lane draws the same in any group and on any device.

A key is an integer below 2**32, as a Python int or a tensor of dtype int64 and shape (). The functions are hashes of
(key, position): they have no state, may be vmapped, and can be captured in a CUDA graph, none of which torch's generators
can do with one stream per lane. They are meant for data order and dropout, not for cryptography or for statistics.

Source: Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3", section 2, for counter-based generators. The
hash is the 32-bit finalizer "lowbias32" by C. Wellons (2018).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from raytune_suite.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")
    Tensor = torch.Tensor

Key = TypeVar("Key", int, Tensor, Any)

BITS = 0xFFFFFFFF
GOLDEN = 0x9E3779B1
"""2**32 divided by the golden ratio: multiples of it are spread evenly (Knuth, TAOCP 3, section 6.4)."""


def mix(value: Key) -> Key:
    """Hash a number below 2**32 to another; a bijection.

    Example:
        >>> mix(1), int(mix(torch.tensor(1)))
        (1753845952, 1753845952)
    """
    value = ((value ^ (value >> 16)) * 0x7FEB352D) & BITS
    value = ((value ^ (value >> 15)) * 0x846CA68B) & BITS
    return value ^ (value >> 16)


def fold(key: Key, number: Any) -> Key:
    """Derive the key of part `number` (an integer or a tensor of them) of what `key` is for."""
    return mix((mix(key) + number * GOLDEN) & BITS)


def hashes(key: Any, count: int) -> Tensor:
    """Return `count` numbers below 2**32, of dtype int64."""
    device = key.device if isinstance(key, Tensor) else None
    return mix((torch.arange(count, device=device) * GOLDEN + key) & BITS)


def permutation(key: Any, count: int) -> Tensor:
    """Return the numbers below `count` in random order, of shape (count,)."""
    return hashes(key, count).argsort(stable=True)


def integers(key: Any, count: int, below: int) -> Tensor:
    """Return `count` random integers below `below`, which is far less than 2**32."""
    return hashes(key, count) % below


def bits(key: Any, *shape: int) -> Tensor:
    """Return random integers of this shape and of dtype int32, for `dropout`."""
    count = 1
    for size in shape:
        count *= size
    return (hashes(key, count) - (1 << 31)).to(torch.int32).view(shape)


def dropout(values: Tensor, rate: Any, of_rows: Tensor, of_columns: Tensor) -> Tensor:
    """Drop each value with probability `rate` (a number or a tensor of shape ()), and scale the others by 1 / (1 - rate).

    What is dropped is decided by a hash of a row's and a column's bits. This takes three operations on the matrix, so that
    dropout stays cheap where launches or memory traffic are what a step costs.

    Args:
        values: Activations of shape (rows, columns).
        rate: Below 1.
        of_rows: The `bits` of the rows in this step, of shape (rows,).
        of_columns: The `bits` of the columns in this step and layer, of shape (columns,).
    """
    keep = 1 - rate
    mixed = (of_rows.unsqueeze(-1) ^ of_columns) * 0x2C1B3C6D  # wraps around
    return values * ((mixed <= (keep - 0.5) * 2.0**32) * (1 / keep)).to(values.dtype)
