"""python -m rnn_edge: the command line without its script."""

from .cli import main

main(prog_name="rnn-edge")
