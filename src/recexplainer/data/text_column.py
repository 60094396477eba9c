"""Texts as an Arrow column, without a look at each by pyarrow."""

import numpy as np
import pyarrow as pa


def text_column(texts: list[str]) -> pa.LargeStringArray:
    """Return what ``pa.array(texts, pa.large_string())`` does, in a third of its time.

    Raises:
        UnicodeEncodeError: a text has a lone surrogate.
    """
    joined = "".join(texts)
    lengths = map(len, texts) if joined.isascii() else (len(text.encode()) for text in texts)
    ends = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(lengths, np.int64, len(texts)), out=ends[1:])
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(joined.encode()))
