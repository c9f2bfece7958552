"""The plan: nothing live is overwritten, nothing is copied without need."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_edge.ir.plan import OUTPUT, SCRATCH, STATE, Place, check_plan, make_plan
from rnn_edge.ir.program import Program, State
from tests.networks import NETWORKS, Network, golden_program, program
from tests.random_programs import random_program


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_random_programs_keep_every_live_value(seed: int) -> None:
    made = random_program(seed)
    check_plan(made, make_plan(made))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.id)
@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_networks_write_next_states_in_place(network: Network, scheme: str) -> None:
    made = program(network, scheme)
    plan = check_plan(made, make_plan(made))
    assert not [copy for copy in plan.body.copies if copy.target.area == STATE]
    for state in made.states:
        assert plan.body.places[state.next] == Place(STATE, 0, state.name)


def test_gru_needs_two_products_and_one_operand() -> None:
    made = golden_program()
    plan = make_plan(made)
    assert plan.scratch == 96 + 96 + 16  # gx, gh, and h0 as 32 int8


def test_output_is_written_to_the_caller_and_copied_only_where_it_is_a_state() -> None:
    dense, bare = (program(Network(("gru",), (4,), dense=dense)) for dense in (((3, "linear"),), ()))
    plan = make_plan(dense)
    assert plan.head.places[dense.output] == Place(OUTPUT) and not plan.head.copies
    (copy,) = make_plan(bare).head.copies
    assert (copy.value, copy.source.area, copy.target) == ("h0_next", STATE, Place(OUTPUT))


def test_states_that_swap_go_through_scratch() -> None:
    made = _two_states()
    swapped = replace(made, states=(State("h0", "h1"), State("h1", "h0")), every_step=True, body_ops=len(made.ops))
    plan = check_plan(swapped, make_plan(swapped))
    assert [copy.target.area for copy in plan.body.copies] == [SCRATCH, STATE, STATE]


def test_a_delay_line_moves_its_end_first() -> None:
    made = _two_states()
    delay = replace(made, states=(State("h0", "h0_next"), State("h1", "h0")), every_step=True, body_ops=len(made.ops))
    plan = check_plan(delay, make_plan(delay))
    assert [copy.target.state for copy in plan.body.copies] == ["h1", "h0"]


@pytest.mark.parametrize("name", ["gru0_gx", "gru0_gh", "h0_s8", "gru0_t1", "gru0_z"])
def test_the_proof_fails_on_a_value_moved_onto_a_live_one(name: str) -> None:
    made = program(NETWORKS[0])
    plan = make_plan(made)
    onto = {"gru0_gx": Place(STATE, 0, "h0"), "gru0_z": plan.body.places["gru0_gx_n"]}
    places = {**plan.body.places, name: onto.get(name, Place(SCRATCH, 2))}
    moved = replace(plan, body=replace(plan.body, places=places))
    with pytest.raises(AssertionError):
        check_plan(made, moved)


def test_the_proof_fails_on_a_scratch_array_that_is_too_short() -> None:
    made = program(NETWORKS[0])
    plan = make_plan(made)
    with pytest.raises(AssertionError):
        check_plan(made, replace(plan, body=replace(plan.body, scratch=plan.scratch - 1)))


def _two_states() -> Program:
    return program(Network(("gru", "gru"), (4, 4), every_step=True))
