"""Words in a room with noise: what a microphone would have heard.

Room: an exponentially decaying noise as impulse response (J. D. Polack, "La transmission de l'énergie sonore dans les
salles", 1988). Microphone: random slope and hills of its frequency response. Noise: Gaussian, its power falling with
a random power of the frequency (white to brown) and with a random hill, 5 to 30 dB below the words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import RATE_HZ, Pcm
from .waveform import to_int16

SNR_DB = (5.0, 30.0)
_LEVEL_DB = (-32.0, -16.0)  # root mean square of the words, against full scale
_NOISE_ALONE_DB = (-65.0, -25.0)
_REVERBERATION_S = (0.05, 0.4)  # until the response is 60 dB down
_DIRECT_DB = (3.0, 20.0)  # direct sound against all reflections
_RESPONSE = 4096  # samples
_VOICE_DB = 4.0  # utterances of a scene differ by so much in level
_SLOPE_DB = 3.0  # of the microphone, an octave
_HILLS_DB = 6.0
_HILLS = 3

Spectrum = NDArray[np.complex128]


def scene(utterances: Sequence[tuple[int, Pcm]], length: int, rng: np.random.Generator, varied: bool = False) -> Pcm:
    """`length` samples with each utterance from its place on (before 0: its beginning is not heard).

    `varied`: by a microphone at random, and not by one of flat response.
    """
    signal, heard = np.zeros(length), 0
    for start, pcm in utterances:
        first, last = max(start, 0), min(start + len(pcm), length)
        if first < last:
            level = 10 ** (rng.uniform(-_VOICE_DB, _VOICE_DB) / 20) / max(_rms(pcm.astype(np.float64)), 1.0)
            signal[first:last] += level * pcm[first - start : last - start]
            heard += last - first
    size = 1 << (length + _RESPONSE - 1).bit_length()
    noise = _noise(size, rng)
    if heard:
        response = np.fft.rfft(_response(rng), size)
        if varied:
            response *= _microphone(size, rng)
        spoken = np.fft.irfft(np.fft.rfft(signal, size) * response, size)[:length]
        spoken *= _amplitude(rng, _LEVEL_DB) / np.sqrt(np.sum(spoken**2) / heard)
        level = np.sqrt(np.sum(spoken**2) / heard) * 10 ** (-rng.uniform(*SNR_DB) / 20)
        return to_int16(spoken + level * noise[:length])
    return to_int16(_amplitude(rng, _NOISE_ALONE_DB) * noise[:length])


def _amplitude(rng: np.random.Generator, range_db: tuple[float, float]) -> float:
    return float(32768 * 10 ** (rng.uniform(*range_db) / 20))


def _response(rng: np.random.Generator) -> NDArray[np.float64]:
    """Direct sound, then reflections from 2 ms on."""
    time = np.arange(_RESPONSE) / RATE_HZ
    reflections = rng.standard_normal(_RESPONSE) * 10 ** (-3 * time / rng.uniform(*_REVERBERATION_S)) * (time > 0.002)
    response: NDArray[np.float64] = reflections * (
        10 ** (-rng.uniform(*_DIRECT_DB) / 20) / np.sqrt(np.sum(reflections**2))
    )
    response[0] = 1.0
    return response


def _microphone(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gain at each frequency of a transform of `size`."""
    octaves = np.log2(np.maximum(np.fft.rfftfreq(size, 1 / RATE_HZ), 50.0) / 1000)
    gain_db = rng.uniform(-_SLOPE_DB, _SLOPE_DB) * octaves
    for centre in rng.uniform(-3, 3, _HILLS):
        gain_db += rng.uniform(-_HILLS_DB, _HILLS_DB) * np.exp(-(((octaves - centre) / rng.uniform(0.3, 1.0)) ** 2))
    gain: NDArray[np.float64] = 10 ** (gain_db / 20)
    return gain


def _noise(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise of root mean square 1."""
    hertz = np.maximum(np.fft.rfftfreq(size, 1 / RATE_HZ), 50.0)
    shape = hertz ** (-rng.uniform(0.0, 2.0) / 2)
    centre, width = np.exp(rng.uniform(np.log(100), np.log(6000))), rng.uniform(0.1, 1.0)  # width in nats
    shape *= 1 + rng.uniform(0, 4) * np.exp(-((np.log(hertz / centre) / width) ** 2))
    noise = np.fft.irfft(shape * rng.standard_normal((len(hertz), 2)).view(np.complex128)[:, 0], size)
    scaled: NDArray[np.float64] = noise / _rms(noise)
    return scaled


def _rms(signal: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(signal**2)))
