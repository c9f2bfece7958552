"""The commands of `home_commands`: templates by intent, and the words that are put into them."""

from __future__ import annotations

import re

import numpy as np

_EACH = 14  # sentences of a template, at most

_WORDS = {
    "room": "kitchen|bedroom|bathroom|living room|hall|office|garage|nursery|cellar",
    "lamp": "light|lights|lamp|lamps",
    "bit": "a bit|a little|two degrees|one degree|three degrees|some|",
    "span": "five minutes|ten minutes|an hour|half an hour|ninety seconds|20 minutes|2 hours|a minute",
    "sound": "jazz|rock|the blues|classical music|my favourite song|the radio|some pop|the piano",
    "day": "today|tomorrow|tonight|on friday|this weekend|on monday|",
    "city": "paris|london|berlin|rome|madrid|oslo|",
}
_AROUND = ("{}", "{}", "{}", "please {}", "{} please", "{}, please", "hey, {}", "ok, {}", "{} now", "{}.", "{}!")

_QUESTION = re.compile(r"what|how|will|is|do|can|could|would")

TEMPLATES: dict[str, tuple[str, ...]] = {
    "light_on": (
        "turn on the <lamp>",
        "turn the <lamp> on in the <room>",
        "switch on the <room> <lamp>",
        "switch the <room> <lamp> on",
        "<lamp> on",
        "<room> <lamp> on",
        "put on the <lamp> in the <room>",
        "put the <lamp> on",
        "can you turn on the <room> <lamp>",
        "could you switch the <lamp> on in the <room>",
        "i want the <room> <lamp> on",
        "make some light in the <room>",
        "it is too dark in the <room>",
        "light up the <room>",
        "i need light in the <room>",
        "would you turn the <room> <lamp> on",
    ),
    "light_off": (
        "turn off the <lamp>",
        "turn the <lamp> off in the <room>",
        "switch off the <room> <lamp>",
        "switch the <room> <lamp> off",
        "<lamp> off",
        "<room> <lamp> off",
        "put out the <lamp> in the <room>",
        "put the <lamp> off",
        "can you turn off the <room> <lamp>",
        "could you switch the <lamp> off in the <room>",
        "i want the <room> <lamp> off",
        "make the <room> dark",
        "it is too bright in the <room>",
        "no <lamp> in the <room>",
        "i need no light in the <room>",
        "would you turn the <room> <lamp> off",
    ),
    "warmer": (
        "make it <bit> warmer",
        "make it <bit> warmer in the <room>",
        "turn up the heating in the <room>",
        "turn the heating up <bit>",
        "it is too cold in the <room>",
        "i am cold",
        "heat the <room>",
        "heat up the <room> <bit>",
        "it is cold in the <room>",
        "the <room> is too cold",
        "the <room> should be <bit> warmer",
        "can you make the <room> <bit> warmer",
        "raise the temperature in the <room>",
        "raise the heating <bit>",
        "i want it <bit> warmer in the <room>",
        "warm up the <room>",
    ),
    "colder": (
        "make it <bit> colder",
        "make it <bit> cooler in the <room>",
        "turn down the heating in the <room>",
        "turn the heating down <bit>",
        "it is too hot in the <room>",
        "i am hot",
        "cool the <room>",
        "cool down the <room> <bit>",
        "it is hot in the <room>",
        "the <room> is too warm",
        "the <room> should be <bit> colder",
        "can you make the <room> <bit> cooler",
        "lower the temperature in the <room>",
        "lower the heating <bit>",
        "i want it <bit> colder in the <room>",
        "it is too warm in the <room>",
    ),
    "time": (
        "what time is it",
        "what is the time",
        "tell me the time",
        "can you tell me the time",
        "how late is it",
        "what time is it in <city>",
        "what is the time in <city>",
        "do you know the time",
        "time please",
        "the time in <city>",
        "say the time",
        "what does the clock say",
        "give me the time in <city>",
        "i want to know the time",
        "could you say what time it is",
        "what's the time in <city>",
    ),
    "timer": (
        "set a timer for <span>",
        "set the timer to <span>",
        "start a timer of <span>",
        "timer for <span>",
        "timer <span>",
        "wake me in <span>",
        "remind me in <span>",
        "count down <span>",
        "start a countdown of <span>",
        "alarm in <span>",
        "set an alarm for <span>",
        "can you set a timer for <span>",
        "tell me when <span> are over",
        "<span> timer",
        "i need a timer for <span>",
        "ring in <span>",
    ),
    "music": (
        "play <sound>",
        "play <sound> in the <room>",
        "can you play <sound>",
        "i want to hear <sound>",
        "put on <sound>",
        "start the music",
        "turn on <sound>",
        "music in the <room>",
        "let me hear <sound>",
        "let us listen to <sound>",
        "i would like to listen to <sound>",
        "some music in the <room>",
        "could you play <sound> for me",
        "start playing <sound>",
        "give me <sound>",
        "play some music",
    ),
    "stop": (
        "stop",
        "stop the music",
        "stop it",
        "stop that in the <room>",
        "be quiet",
        "quiet in the <room>",
        "silence",
        "stop playing <sound>",
        "stop the timer",
        "cancel the timer",
        "cancel that",
        "turn off the music",
        "can you stop <sound>",
        "that is enough",
        "shut up",
        "no more music in the <room>",
    ),
    "weather": (
        "what is the weather like <day>",
        "how is the weather in <city> <day>",
        "will it rain <day>",
        "will it rain in <city> <day>",
        "do i need an umbrella <day>",
        "is it going to rain <day>",
        "is it going to snow in <city> <day>",
        "weather in <city> <day>",
        "tell me the weather <day>",
        "what will the weather be <day>",
        "how warm will it be <day>",
        "how cold is it in <city>",
        "will it be sunny <day>",
        "the weather <day>",
        "the forecast for <city> <day>",
        "will the sun shine <day>",
    ),
}


def sentences(template: str, random: np.random.Generator) -> list[str]:
    """Sentences of a template, each once: its words drawn, and words of politeness around it."""
    drawn = [_around(_filled(template, random), random) for _ in range(_EACH)]
    return list(dict.fromkeys(drawn))


def _filled(template: str, random: np.random.Generator) -> str:
    filled = re.sub(r"<(\w+)>", lambda slot: _one(_WORDS[slot[1]].split("|"), random), template)
    # Where a place or a day is left out, so is the word before it.
    return re.sub(r" (in|for)(?= *$)", "", " ".join(filled.split()))


def _around(command: str, random: np.random.Generator) -> str:
    mark = "?" if _QUESTION.match(command) and random.random() < 0.5 else ""
    return _one(_AROUND, random).format(command) + mark


def _one(choices: list[str] | tuple[str, ...], random: np.random.Generator) -> str:
    return choices[int(random.integers(len(choices)))]
