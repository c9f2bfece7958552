"""Small recurrent networks from Keras to microcontrollers, with the same bytes in every runtime."""

__version__ = "0.1.0"
