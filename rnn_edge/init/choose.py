"""What `init` decides where the user does not: what is made of sound, how recordings are cut, what a count is worth."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import UserError
from ..features import LogMel
from ..recordings import Recording
from ..recordings.read import chunks, common_rate
from ..recordings.windows import Cutting
from .summary import Summary

WHOLE_STEPS = 512  # longer recordings are cut: a small network remembers some hundred steps
WINDOW_STEPS = 128
_SHORT_STEPS = 16  # a recording of fewer is taken for an accident, not for a reason to cut all so short
_WAV_UNIT = 2.0**-15

_MICROPHONE = LogMel()
_TELEPHONE = LogMel(rate_hz=8000, window=256, hop=160, fft=256, high_hz=3800)


def features(found: Sequence[Recording], rate_hz: float | None) -> LogMel | None:
    """Log-mel features of sound: of WAV files of one channel with 8,000 samples a second or more.

    `rate_hz`: the rate the user asks for; below 8,000 the samples themselves are what is learned.
    """
    stream = found[0].stream  # the others are alike
    if stream.path.suffix.lower() != ".wav" or len(stream.channels) > 1:
        return None
    rate = common_rate(found, rate_hz)
    if rate is None or rate < _TELEPHONE.rate_hz:
        return None
    return _MICROPHONE if rate >= _MICROPHONE.rate_hz else _TELEPHONE


def cutting(
    found: Sequence[Recording],
    window_s: float | None,
    hop_s: float | None,
    rate_hz: float | None,
    features: LogMel | None,
) -> Cutting:
    """How the recordings become sequences; what is not None is the user's choice. With `features` a step is a frame.

    UserError as `recordings.read`, and where windows are needed and nothing tells the rate.
    """
    rate = common_rate(found, rate_hz if features is None else float(features.rate_hz))
    if features is None and rate is not None and rate_hz is None:
        rate = rate if rate.is_integer() else float(f"{rate:.3g}")  # of a column of times, which jitter
    kept = rate if features is None else None  # that of the features is theirs
    if window_s is None:
        steps = [_steps(recording, rate, features) for recording in found]
        longest = max(range(len(steps)), key=steps.__getitem__)
        if steps[longest] <= WHOLE_STEPS and hop_s is None:
            return Cutting(rate_hz=kept)
        if rate is None:
            raise UserError(
                f"{found[longest].stream.path} has {steps[longest]} steps, which is too long for one sequence, and no "
                "time column with a unit: give --rate in Hz and --window in seconds."
            )
        size = min(WINDOW_STEPS, min(steps)) if min(steps) >= _SHORT_STEPS else WINDOW_STEPS
        samples = size if features is None else features.window + (size - 1) * features.hop
        window_s = float(f"{samples / rate:.6g}")
    return Cutting(window_s, window_s / 2 if hop_s is None else hop_s, kept)


def raw_unit(summary: Summary, sound: bool) -> tuple[float, str]:
    """What one raw int16 count of the sensor is worth, and why; `sound` is -1 to 1 as the WAV reader gives it."""
    if sound:
        return _WAV_UNIT, "a raw count of a 16-bit converter, 32768 of them are full scale"
    largest = max((max(-row.low, row.high) for row in summary.channels), default=0.0)
    if summary.whole_numbers and largest <= 32767:
        return 1.0, "a raw int16 count: the data are whole numbers already"
    unit = _round_up(largest / 32767)  # not 0, which is a whole number
    return unit, f"of a raw int16 count, so that {largest:.4g} fits: put the one of your sensor here"


def _steps(recording: Recording, rate: float | None, features: LogMel | None) -> int:
    samples = sum(len(chunk) for chunk in chunks(recording, rate))
    return samples if features is None else features.count(samples)


def _round_up(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    exponent = int(f"{value:e}".split("e")[1])
    return next(
        rounded
        for power in (exponent, exponent + 1)
        for digit in (1, 2, 5)
        if (rounded := float(f"{digit}e{power}")) >= value
    )
