"""The worker of a Python runtime for many cases in turn: python -m tests.runtimes.many VERB RUNTIME LISTING."""

from __future__ import annotations

import sys
from pathlib import Path

from rnn_edge.runtimes import worker


def main(verb: str, runtime: str, listing: str) -> None:
    """Write `answer.npz` into the folder of every case named in the listing."""
    for name in Path(listing).read_text().splitlines():
        folder = str(Path(listing).parent / name)
        worker.main(verb, runtime, folder, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
