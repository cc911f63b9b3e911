"""WordLlama's static token embeddings (MIT, bundled in the `wordllama` package): a text is the mean of its tokens' vectors.

The weights and the tokenizer are read straight from the installed package. `WordLlama.load()` is not used: in 0.4 it looks for
its tokenizer in a folder that the package does not have and would then ask a model hub, and importing it reconfigures logging.
"""

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from dropforge_local.vertex.embedding import Encoded, Vectors, unit

# text-embedding-005 reads 2,048 tokens: https://cloud.google.com/vertex-ai/generative-ai/docs/embeddings/get-text-embeddings
MAX_TOKENS = 2048
TEXTS_AT_ONCE = 32  # bounds the gathered token vectors to 64 MB


class WordLlamaBase:
    """The untuned base. It stands in for every Vertex base model; its vectors have 256 dimensions."""

    name = "wordllama l2_supercat 256"
    dimensions = 256

    def __init__(self, package: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(package / "tokenizers" / "l2_supercat_tokenizer_config.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # Kept in half precision as it is shipped: 16 MB instead of 32.
        self._tokens = load_file(package / "weights" / "l2_supercat_256.safetensors")["embedding.weight"]

    def encode(self, texts: Sequence[str]) -> Encoded:
        """See `EmbeddingModel.encode`."""
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        counts: list[int] = []
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            batch = list(texts[start : start + TEXTS_AT_ONCE])
            encodings = self._tokenizer.encode_batch_fast(batch, add_special_tokens=False)
            ids = [encoding.ids for encoding in encodings]
            counts.extend(len(row) for row in ids)
            vectors[start : start + len(ids)] = self._means([row[:MAX_TOKENS] for row in ids])
        return Encoded(
            vectors=unit(vectors),
            token_counts=[min(count, MAX_TOKENS) for count in counts],
            truncated=[count > MAX_TOKENS for count in counts],
        )

    def _means(self, ids: list[list[int]]) -> Vectors:
        """The sum of each row's token vectors; normalising makes it the direction of their mean."""
        lengths = np.array([len(row) for row in ids])
        some = lengths > 0
        sums = np.zeros((len(ids), self.dimensions), dtype=np.float32)
        if some.any():
            tokens = self._tokens[np.concatenate([row for row in ids if row])].astype(np.float32)
            starts = np.concatenate(([0], np.cumsum(lengths[some])[:-1]))
            sums[some] = np.add.reduceat(tokens, starts, axis=0)
        return sums


@cache
def bundled_base() -> WordLlamaBase:
    """The base model, loaded once a process.

    Raises:
        FileNotFoundError: the `wordllama` package is not installed.
    """
    spec = importlib.util.find_spec("wordllama")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "The bundled base model is missing: install the package `wordllama` (dropforge[local])."
        )
    return WordLlamaBase(Path(spec.origin).parent)
