"""The counters over the link, against a board in Python."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_edge.errors import LinkError
from rnn_edge.ir.counters import Counting
from rnn_edge.link import Link
from tests.c.builds import inputs, limits_of
from tests.fake_device import COUNTERS, FakeDevice
from tests.networks import STACKS, Network, program

LAST, TOKENS = STACKS[0], STACKS[3]


@pytest.mark.parametrize("network", [LAST, TOKENS], ids=lambda network: network.id)
@pytest.mark.parametrize("payload", [70, 71, 256])
def test_counters_come_in_as_many_answers_as_it_takes(network: Network, payload: int) -> None:
    made = program(network)
    device = FakeDevice(made, payload, limits=limits_of(made))
    with Link(device) as link:
        assert link.info().counts
        link.run(0, inputs(made, 20, np.random.default_rng(0)))
        counters = link.counters(made)
        assert counters == device.counting.counters() and counters.steps == 20
        link.clear_counters()
        assert link.counters(made) == Counting(made).counters()


def test_a_board_that_does_not_count_is_told_apart() -> None:
    made = program(LAST)
    with Link(FakeDevice(made)) as link:
        assert not link.info().counts
        said = r"refused `counters`: its firmware does not count what saturates; flash it with --counters\.$"
        with pytest.raises(LinkError, match=said):
            link.counters(made)


class Empty(FakeDevice):
    """Says that there are no more counters."""

    def _obey_on_counters(self, command: int, payload: bytes) -> tuple[int, bytes]:
        return (0, b"") if command == COUNTERS else super()._obey_on_counters(command, payload)


def test_a_board_with_too_few_counters_is_not_asked_for_ever() -> None:
    made = program(LAST)
    device = Empty(made, limits=limits_of(made))
    with Link(device) as link, pytest.raises(LinkError, match=r"The board's counters are not those of net; flash it"):
        link.counters(made)
