"""A line of text goes into the C of a model character by character; it says after each of them what it makes of it."""
