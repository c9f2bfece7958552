"""`rnn-edge init`: from data to a first `model.toml`; `rnn-edge data`: what the data of a model is."""
