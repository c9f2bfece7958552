"""Quantization-aware training: the forward pass is the interpreter of the quantized program itself, the gradient that
of the float network, straight through every rounding (Bengio et al., "Estimating or Propagating Gradients Through
Stochastic Neurons", 2013).
"""
