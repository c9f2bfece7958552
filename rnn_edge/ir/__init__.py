"""The quantized program: what it is, what its operations mean, whether it is legal, and how to run it."""
