"""State as bytes and back: JSON of dataclasses, arrays as their bytes, compressed, in base64.

The state is the service's own. What is not of this version's shape is refused as a whole: the caller then starts over
from the records, which it has.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import types
import typing
import zlib
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

MOST_ARRAY_BYTES = 1 << 25


def dump(value: object, version: str) -> bytes:
    return json.dumps({"version": version, "state": _plain(value)}, separators=(",", ":")).encode()


def load(content: bytes, shape: type[T], version: str) -> T:
    """Raises ValueError for bytes that `dump` did not make of this shape and version."""
    try:
        found = json.loads(content)
        if found["version"] != version:
            raise ValueError(f"state of version {found['version']}, and this is {version}")
        result: T = _read(found["state"], shape)
    except (KeyError, TypeError, AttributeError, ValueError, zlib.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a state of a second opinion: {error}; start over from the records") from error
    return result


def _plain(value: object) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, np.ndarray):
        return {"type": value.dtype.str, "shape": value.shape, "zip": _packed(value.tobytes())}
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if dataclasses.is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content, 1)).decode()


@lru_cache(maxsize=64)
def _hints(shape: type) -> dict[str, Any]:
    return typing.get_type_hints(shape)


def _read(value: Any, shape: Any) -> Any:  # one branch a kind
    origin, arguments = typing.get_origin(shape), typing.get_args(shape)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        return _read(value, next(item for item in arguments if item is not type(None)))
    if origin is np.ndarray:
        return _array(value, arguments)
    if origin is list:
        return [_read(item, arguments[0]) for item in value]
    if origin is tuple:
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(_read(item, kind) for item, kind in zip(value, kinds, strict=True))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {str(key): _read(item, arguments[1]) for key, item in value.items()}
    if dataclasses.is_dataclass(shape) and isinstance(shape, type):
        return _object(value, shape)
    return _scalar(value, shape)


def _object(value: Any, shape: type) -> Any:
    hints = _hints(shape)
    names = [item.name for item in dataclasses.fields(shape)]
    if set(value) != set(names):
        raise ValueError(f"{shape.__name__} has other fields here; start over from the records")
    return shape(**{name: _read(value[name], hints[name]) for name in names})


def _array(value: Any, arguments: tuple[Any, ...]) -> Any:
    expected = np.dtype(typing.get_args(arguments[1])[0])
    content = zlib.decompressobj().decompress(base64.b64decode(value["zip"]), MOST_ARRAY_BYTES)
    if value["type"] != expected.str:
        raise ValueError(f"an array of {value['type']} in place of {expected.str}; start over from the records")
    return np.frombuffer(content, expected).reshape(value["shape"]).copy()


def _scalar(value: Any, shape: Any) -> Any:
    if shape is float:
        return float(value["float"]) if isinstance(value, dict) else float(value)
    if isinstance(shape, type) and issubclass(shape, Enum):
        return shape(value)
    if not isinstance(value, shape) or (shape is int and isinstance(value, bool)):
        raise ValueError(f"{value!r} in place of {shape.__name__}; start over from the records")
    return value
