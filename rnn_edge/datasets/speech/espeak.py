"""The synthesizer eSpeak NG (formants, rules) as a shared library: some 300 words a second.

https://github.com/espeak-ng/espeak-ng, src/include/espeak-ng/speak_lib.h; GPL-3, called and not distributed here.
"""

from __future__ import annotations

import ctypes
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np

from ...errors import MissingError
from . import RATE_HZ, Pcm, accents
from .waveform import at_rate, trimmed

_NAMES = """
    Alex Alicia Andrea Andy Annie AnxiousAndy Denis Diogo Gene Gene2 Henrique Hugo Jacky Lee Marco Mario Michael Mike
    Nguyen RicishayMax RicishayMax2 RicishayMax3 Storm Tweaky UniRobot adam anika anikaRobot announcer antonio aunty
    belinda benjamin boris caleb david ed edward edward2 f1 f2 f3 f4 f5 fast grandma grandpa gustave iven iven2 iven3
    iven4 john kaukovalta klatt klatt2 klatt3 klatt4 klatt5 klatt6 linda m1 m2 m3 m4 m5 m6 m7 m8 marcelo max michel
    miguel norbert pablo paul pedro quincy rob robert sandro shelby steph steph2 steph3 travis victor zac
"""

VARIANTS = tuple(_NAMES.split())
"""Timbres: those of eSpeak NG 1.51 that are no whisper, croak or effect."""

ACCENTS = ("en-us", "en-us-nyc", "en", "en-gb-x-rp", "en-gb-scotland", "en-029", "en-gb-x-gbclan", "en-gb-x-gbcwmd")

_LIBRARY = "libespeak-ng.so.1"
_SYNCHRONOUS, _DO_NOT_EXIT = 2, 0x8000
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER
_UTF8, _PHONEMES = 1, 0x100
_SEPARATED = ord("|") << 8  # the character between phonemes
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_JOBS = 2
_AT_ONCE = 1500  # words


@dataclass(frozen=True)
class Voice:
    """A speaker and how it speaks: `rate` in words a minute, `pitch` and `pitch_range` 0 to 100.

    `speed` above 1 plays the samples faster, so that formants and pitch are higher, as of a shorter vocal tract.
    `vowels` are said instead of those of the accent.
    """

    accent: str
    variant: str
    rate: int
    pitch: int
    pitch_range: int
    speed: float = 1.0
    vowels: accents.Vowels = ()


def speak(asked: Sequence[tuple[str, Voice]]) -> list[Pcm]:
    """Each word in its voice, 16 kHz, no silence around it; the same list gives the same samples.

    MissingError where the library or a voice is not installed.
    """
    _library()
    # The library keeps phases from one word to the next and cannot be begun twice: only in a process of its own
    # do the samples depend on the list alone.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_JOBS, context, max_tasks_per_child=1) as pool:
        parts = pool.map(_speak_here, [asked[i : i + _AT_ONCE] for i in range(0, len(asked), _AT_ONCE)])
        return [pcm for part in parts for pcm in part]


def version() -> str:
    """Of the library, for it decides the samples; MissingError where it is not installed."""
    return str(_library()[0].espeak_Info(None).decode())


def _speak_here(asked: Sequence[tuple[str, Voice]]) -> list[Pcm]:
    return [_say(word, voice) for word, voice in asked]


def _say(word: str, voice: Voice) -> Pcm:
    library, rate_hz = _library()
    name = f"{voice.accent}+{voice.variant}"
    _check(library.espeak_SetVoiceByName(name.encode()), f"the voice {name}")
    for parameter, value in ((_RATE, voice.rate), (_PITCH, voice.pitch), (_RANGE, voice.pitch_range)):
        _check(library.espeak_SetParameter(parameter, value, 0), f"{value} as parameter {parameter}")
    spelled = f"[[{accents.said(_phonemes(library, word), voice.vowels)}]]" if voice.vowels else word
    text = spelled.encode() + b"\0"
    _heard.clear()
    _check(library.espeak_Synth(text, len(text), 0, 0, 0, _UTF8 | _PHONEMES, None, None), repr(word))
    return trimmed(at_rate(np.frombuffer(b"".join(_heard), np.int16), rate_hz * voice.speed, RATE_HZ))


def _phonemes(library: ctypes.CDLL, word: str) -> str:
    """As the voice that is set says the word."""
    text = ctypes.c_char_p(word.encode())
    return str(library.espeak_TextToPhonemes(ctypes.byref(text), _UTF8, _SEPARATED).decode())


_heard: list[bytes] = []


def _receive(samples: int | None, count: int, _events: int | None) -> int:
    if samples and count:
        _heard.append(ctypes.string_at(samples, 2 * count))
    return 0


_RECEIVE = _CALLBACK(_receive)  # kept, for the library calls it for as long as the process lives


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    """The library, begun once a process, and its sample rate."""
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise MissingError(f"The words are spoken by {_LIBRARY} ({error}): run `apt install libespeak-ng1`.") from error
    library.espeak_Info.restype = library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    rate_hz = library.espeak_Initialize(_SYNCHRONOUS, 0, None, _DO_NOT_EXIT)
    if rate_hz <= 0:
        raise MissingError(f"{_LIBRARY} does not find its voices: run `apt install espeak-ng-data`.")
    library.espeak_SetSynthCallback(_RECEIVE)
    return library, int(rate_hz)


def _check(code: int, what: str) -> None:
    if code != 0:
        raise MissingError(
            f"{_LIBRARY} refuses {what} with code {code}: have eSpeak NG 1.51 or newer, `apt install espeak-ng`."
        )
