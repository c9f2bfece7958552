"""Listening to sound: samples, features, the network step by step, decisions; as the device does it."""
