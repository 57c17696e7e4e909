"""How do other methods group the same texts? Each is optional, and what is not installed is named.

    pip install -e '.[bench,semantic]'

A threshold is chosen per set and in hindsight, by `pf`: that favours the reference.
"""

import logging
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.util import find_spec
from typing import Any

from grouping_data import Method, Rows

from orchestrator_mcp.analysis.grouping import Embedder
from orchestrator_mcp.analysis.grouping_headline import plain_lines
from orchestrator_mcp.analysis.grouping_masks import masked
from orchestrator_mcp.services.meaning import model_at_once
from orchestrator_mcp.storage.model import EXTRA

Family = dict[str, Method]
"""Threshold → method; a method that is taken as it comes has the empty threshold."""
Tree = Any
"""A linkage matrix of scipy's, or nothing for a single text."""

BENCH = "The bench extra is not installed: pip install -e '.[bench]'."
PLAIN_MASKS = (("IP", r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), ("HEX", r"\b0x[0-9a-fA-F]+\b"), ("NUM", r"(?<!\w)[-+]?\d+\b"))
DRAIN_THRESHOLDS = (0.4, 0.5, 0.6, 0.7, 0.8)
LIKENESS_THRESHOLDS = tuple(n / 20 for n in range(4, 19))  # 0.2 … 0.9
WHOLE_TEXT = 4000  # characters


def references(embedder: Embedder | None) -> tuple[dict[str, Family], list[str]]:
    """The families that are installed, and a sentence for each that is not."""
    found: dict[str, Family] = {}
    missing: list[str] = []
    if find_spec("drain3"):
        found["drain3"] = {"": _drain3}
        found["drain3, plain masks"] = {"": partial(_drain3, masks=PLAIN_MASKS)}
        found["drain3, our masks"] = _swept(_over_our_masks(_drain3), DRAIN_THRESHOLDS)
    else:
        missing.append(f"drain3. {BENCH}")
    if find_spec("sklearn"):
        found["TF-IDF"] = _swept(_tf_idf, LIKENESS_THRESHOLDS)
        found["TF-IDF, our masks"] = _swept(_over_our_masks(_tf_idf), LIKENESS_THRESHOLDS)
    else:
        missing.append(f"TF-IDF and average linkage. {BENCH}")
    if embedder and find_spec("scipy"):
        found["MiniLM"] = _swept(_by_meaning(embedder), LIKENESS_THRESHOLDS)
    else:
        missing.append(f"MiniLM and average linkage. {BENCH if embedder else f'pip install {EXTRA}'}")
    return found, missing


def embedder_of_the_extra() -> Embedder | None:
    """The model that our own `[semantic]` extra brings, if it is installed. Vectors are dear: it keeps them."""
    model = model_at_once()
    if not model:
        return None
    known: dict[str, Sequence[float]] = {}

    def embedder(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, model(new), strict=True))
        return [known[text] for text in texts]

    return embedder


def _swept(method: Callable[..., list[int]], thresholds: Sequence[float]) -> Family:
    return {f"{threshold:.2f}": partial(method, threshold=threshold) for threshold in thresholds}


def _over_our_masks(method: Callable[..., list[int]]) -> Callable[..., list[int]]:
    def over_our_masks(store: Rows, *, threshold: float) -> list[int]:
        texts = [" ".join(map(masked, plain_lines(row["text"]))) for row in store]
        # A drain3 that meets its own `<*>` in a text counts it as unlike everything.
        return method([{"text": text.replace("<*>", "<any>") or "<any>"} for text in texts], threshold=threshold)

    return over_our_masks


def _drain3(store: Rows, *, threshold: float = 0.4, masks: Sequence[tuple[str, str]] = ()) -> list[int]:
    from drain3 import TemplateMiner
    from drain3.masking import MaskingInstruction
    from drain3.template_miner_config import TemplateMinerConfig

    logging.getLogger("drain3").setLevel(logging.ERROR)
    config = TemplateMinerConfig()
    config.drain_sim_th = threshold
    config.masking_instructions = [MaskingInstruction(pattern, name) for name, pattern in masks]
    miner = TemplateMiner(config=config)
    return [miner.add_log_message(row["text"])["cluster_id"] for row in store]


def _tf_idf(store: Rows, *, threshold: float) -> list[int]:
    return _cut(_tree_by_letters(tuple(row["text"][:WHOLE_TEXT] for row in store)), threshold)


@cache
def _tree_by_letters(texts: tuple[str, ...]) -> Tree:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True).fit_transform(texts)
    return _average_linkage((vectors @ vectors.T).toarray())


def _by_meaning(embedder: Embedder) -> Callable[..., list[int]]:
    @cache
    def tree(texts: tuple[str, ...]) -> Tree:
        import numpy as np

        vectors = np.array(embedder(texts))
        return _average_linkage(vectors @ vectors.T)

    return lambda store, *, threshold: _cut(tree(tuple(row["text"] for row in store)), threshold)


def _average_linkage(likeness: Any) -> Tree:
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    if len(likeness) == 1:
        return None
    return linkage(squareform((1 - likeness).clip(min=0), checks=False), "average")


def _cut(tree: Tree, threshold: float) -> list[int]:
    from scipy.cluster.hierarchy import fcluster

    return [0] if tree is None else list(fcluster(tree, 1 - threshold, "distance"))
