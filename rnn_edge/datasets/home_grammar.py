"""The commands of `home_commands`: templates by intent, made of patterns `(this|that)`, and the words put into them."""

from __future__ import annotations

import re
from itertools import product

import numpy as np

_EACH = 15  # sentences of a template, at most

_WORDS = {
    "room": "kitchen|bedroom|bathroom|living room|hall|office|garage|nursery|cellar",
    "lamp": "light|lights|lamp|lamps",
    "bit": "two degrees|one degree|three degrees|some degrees|five degrees",
    "span": "five minutes|ten minutes|an hour|half an hour|ninety seconds|20 minutes|2 hours|a minute",
    "sound": "jazz|rock music|blues|classical music|pop songs|piano music|old songs|the radio",
    "day": "today|tomorrow|tonight|on friday|this weekend|on monday|now",
    "city": "paris|london|berlin|rome|madrid|oslo",
}
_BEFORE = "||||please |hey, |ok, |hello, |hi, |and |so |well, |now |listen, |could you |can you |would you |i said "
_AFTER = "||||| please|, please| now|.|!| right now| for me|, thank you| again|, will you"

_QUESTION = re.compile(r"what|how|will|is|do|can|could|would")

_PATTERNS = {
    "light_on": (
        "(turn|switch|put) on (the|all the|my) <lamp>(| in the <room>)",
        "(turn|switch|put) (the|my|the <room>) <lamp> on",
        "(turn|switch) on the <room> <lamp>",
        "<lamp> on(| in the <room>)",
        "(i want|i need|make) (the <lamp> on|some light|more light)(| in the <room>)",
        "(it is|it's) too dark(| in the <room>| in here)",
        "(the <room>|this room) is (too dark|so dark)",
    ),
    "light_off": (
        "(turn|switch|put) off (the|all the|my) <lamp>(| in the <room>)",
        "(turn|switch|put) (the|my|the <room>) <lamp> off",
        "(turn|switch) off the <room> <lamp>",
        "<lamp> off(| in the <room>)",
        "(i want|i need|make) (the <lamp> off|no light|less light)(| in the <room>)",
        "(it is|it's) too bright(| in the <room>| in here)",
        "(the <room>|this room) is (too bright|so bright)",
    ),
    "warmer": (
        "make (it|the <room>|this room) (|a bit |a little |<bit> )warmer",
        "(turn|switch) (up the heating|the heating up|on the heating)(| in the <room>)",
        "(it is|it's|i am|i feel) (cold|too cold|so cold)(| in the <room>| in here)",
        "(heat|heat up|warm up) (the <room>|this room|the house)",
        "(i want|i need) it (warmer|<bit> warmer)(| in the <room>)",
        "raise the (temperature|heating)(| in the <room>| by <bit>)",
    ),
    "colder": (
        "make (it|the <room>|this room) (|a bit |a little |<bit> )(colder|cooler)",
        "(turn|switch) (down the heating|the heating down|off the heating)(| in the <room>)",
        "(it is|it's|i am|i feel) (hot|too hot|so hot|too warm)(| in the <room>| in here)",
        "(cool|cool down) (the <room>|this room|the house)",
        "(i want|i need) it (colder|cooler|<bit> colder)(| in the <room>)",
        "lower the (temperature|heating)(| in the <room>| by <bit>)",
    ),
    "time": (
        "what time is it(| in <city>| there)",
        "(what is|what's|tell me|say|give me|do you know) the (time|exact time|clock)(| in <city>| there)",
        "(how late|what hour) is it(| in <city>| there)",
        "(tell me|say|do you know|i want to know) (what time it is|how late it is)(| in <city>)",
    ),
    "timer": (
        "(set|start|make|i need|give me) (a|the) (timer|alarm|countdown) (for|of|to) <span>",
        "(timer|alarm|countdown) (for|of|in) <span>",
        "(wake|remind|call) me in <span>",
        "(ring|count down) in <span>",
        "<span> (timer|alarm|countdown)",
    ),
    "music": (
        "(play|start|put on|give me) (<sound>|some <sound>|music|some music)(| in the <room>)",
        "(i want to|let me|i would like to|let us) (hear|listen to) (<sound>|music|some music)(| in the <room>)",
        "(turn|switch) on (<sound>|the music)",
        "(start|keep) playing (<sound>|music)",
    ),
    "stop": (
        "(stop|end|cancel|quit) (it|that|this|the music|the timer|the alarm)(| in the <room>)",
        "(be quiet|silence|shut up|hush|stop|quiet|stop now|enough)(| in the <room>| in here)",
        "(stop|no more) (playing|music|playing music|<sound>)(| in the <room>)",
        "(turn|switch) off (<sound>|the music|the alarm)",
    ),
    "weather": (
        "(what is|what's|how is|tell me) the (weather|weather like|forecast) (|in <city> )<day>",
        "(will it|is it going to) (rain|snow|be sunny|be windy|be warm) (|in <city> )<day>",
        "(the weather|weather|the forecast|forecast) (|for <city> |in <city> )<day>",
        "(do i need|should i take) (an umbrella|a coat|my boots) <day>",
        "(will the sun shine|how warm will it be|how cold will it be) (|in <city> )<day>",
    ),
}


def _expanded(pattern: str) -> list[str]:
    parts = [part.split("|") for part in re.split(r"[()]", pattern)]
    return [" ".join("".join(chosen).split()) for chosen in product(*parts)]


TEMPLATES = {
    intent: tuple(dict.fromkeys(template for pattern in patterns for template in _expanded(pattern)))
    for intent, patterns in _PATTERNS.items()
}


def sentences(template: str, random: np.random.Generator) -> list[str]:
    """Sentences of a template, each once: its words drawn, and words of politeness around it."""
    drawn = [_around(_filled(template, random), random) for _ in range(_EACH)]
    return list(dict.fromkeys(drawn))


def _filled(template: str, random: np.random.Generator) -> str:
    return re.sub(r"<(\w+)>", lambda slot: _one(_WORDS[slot[1]].split("|"), random), template)


def _around(command: str, random: np.random.Generator) -> str:
    mark = "?" if _QUESTION.match(command) and random.random() < 0.5 else ""
    return _one(_BEFORE.split("|"), random) + command + _one(_AFTER.split("|"), random) + mark


def _one(choices: list[str] | tuple[str, ...], random: np.random.Generator) -> str:
    return choices[int(random.integers(len(choices)))]
