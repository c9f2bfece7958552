"""Statements and plan: one pass over the units, nothing live is overwritten, nothing is copied without need."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_edge.ir.counters import gates
from rnn_edge.ir.headroom import headroom
from rnn_edge.ir.plan import LOCAL, OUTPUT, STATE, Part, Place, local_arrays, make_plan
from rnn_edge.ir.plan_check import check_plan
from rnn_edge.ir.program import Program, State
from rnn_edge.ir.statements import Loop, Product, View
from tests.networks import GRU, NETWORKS, Network, golden_program, program
from tests.random_programs import random_program


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["nothing", "gates", "everything"]))
def test_random_programs_keep_every_live_value(seed: int, watched: str) -> None:
    made = random_program(seed)
    names = {"nothing": [], "gates": [gate.value for gate in gates(made)], "everything": list(made.values)}[watched]
    check_plan(made, make_plan(made, names))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.id)
@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_networks_write_next_states_in_place(network: Network, scheme: str) -> None:
    made = program(network, scheme)
    plan = check_plan(made, make_plan(made))
    # but for the window of a convolution, which is the end of what was put together
    assert not [c for c in plan.body.copies if c.target.area == STATE and not c.target.name.startswith("w")]
    for state in made.states:
        assert state.name.startswith("w") or plan.body.find(state.next) == (Place(STATE, state.name), 0)


def test_a_gru_is_three_products_and_one_pass_over_its_units() -> None:
    made = golden_program()
    gx, narrowing, gh_zr, gh_n, gates = make_plan(made).body.statements.order
    assert isinstance(gx, Product) and (gx.begin, gx.end, gx.adds) == (0, 96, ())
    assert isinstance(narrowing, Loop) and [op.kind for op in narrowing.ops] == ["rescale"]
    assert isinstance(gh_zr, Product) and gh_zr.adds == ("gru0_t1", "gru0_t2") and gh_zr.target == View("gru0_gx")
    assert isinstance(gh_n, Product) and (gh_n.begin, gh_n.end, gh_n.name) == (64, 96, "gru0_gh_n")
    assert isinstance(gates, Loop) and gates.size == 32 and gates.stores == ("h0_next",)


def test_a_gru_needs_one_product_a_third_of_the_other_and_an_operand() -> None:
    made = golden_program()
    arrays = local_arrays(made, make_plan(made).body)
    assert {name: value.size for name, value in arrays.items()} == {"gru0_gx": 96, "gru0_gh_n": 32, "h0_s8": 32}


def test_an_lstm_adds_one_product_onto_the_other() -> None:
    made = program(Network(("lstm",), (4,), dense=()))
    (added,) = [s for s in make_plan(made).body.statements.order if isinstance(s, Product) and s.adds]
    assert (added.begin, added.end, added.name, added.target) == (0, 16, "lstm0_gh", View("lstm0_gx"))


def test_what_nothing_reads_is_not_computed() -> None:
    made = program(Network(("gru", "gru"), (4, 4), every_step=True))
    shortened = replace(made, output="h0_next")
    written = [op.output for s in make_plan(shortened).body.statements.order for op in s.ops]
    assert "dense0_sum" not in written and "h1_next" in written


def test_a_trace_keeps_every_value_but_products_that_are_added() -> None:
    made = program(GRU)
    plan = make_plan(made, watched=list(made.values))
    known = {*plan.body.statements.views, *plan.head.statements.views}
    assert set(made.values) - known == {"gru0_gh", "gru0_gh_z", "gru0_gh_r"}


def test_a_product_that_needs_64_bits_is_not_added() -> None:
    made = program(Network(("simple_rnn",), (4,), dense=()))
    (op,) = [op for op in made.ops if op.output == "simple_rnn0_gh"]
    name = op.constants[1]
    large = made.constants[name].copy()
    large[0] = 1 << 24  # an accumulator beyond 2^23
    changed = replace(made, constants={**made.constants, name: large})
    assert headroom(made, op) == 0 and headroom(changed, op) is None
    assert not [s for s in make_plan(changed).body.statements.order if isinstance(s, Product) and s.adds]


def test_output_is_written_to_the_caller_and_copied_only_where_it_is_a_state() -> None:
    dense, bare = (program(Network(("gru",), (4,), dense=dense)) for dense in (((3, "linear"),), ()))
    plan = make_plan(dense)
    assert plan.head.find(dense.output) == (Place(OUTPUT), 0) and not plan.head.copies
    (copy,) = make_plan(bare).head.copies
    assert (copy.value, copy.source.area, copy.target) == ("h0_next", STATE, Place(OUTPUT))


def test_states_that_swap_go_through_an_array() -> None:
    made = _two_states()
    swapped = replace(made, states=(State("h0", "h1"), State("h1", "h0")), every_step=True, body_ops=len(made.ops))
    plan = check_plan(swapped, make_plan(swapped))
    assert [copy.target.area for copy in plan.body.copies] == [LOCAL, STATE, STATE]


def test_a_delay_line_moves_its_end_first() -> None:
    made = _two_states()
    delay = replace(made, states=(State("h0", "h0_next"), State("h1", "h0")), every_step=True, body_ops=len(made.ops))
    plan = check_plan(delay, make_plan(delay))
    assert [copy.target.name for copy in plan.body.copies] == ["h1", "h0"]


@pytest.mark.parametrize("name", ["gru0_gx", "gru0_gh_n", "h0_s8"])
def test_the_proof_fails_on_an_array_moved_onto_a_live_one(name: str) -> None:
    made = program(GRU)
    plan = make_plan(made)
    onto = Place(STATE, "h0") if name == "gru0_gh_n" else Place(LOCAL, "gru0_gh_n" if name == "gru0_gx" else "gru0_gx")
    places = {**plan.body.places, name: onto}
    with pytest.raises(AssertionError):
        check_plan(made, replace(plan, body=replace(plan.body, places=places)))


@pytest.mark.parametrize(
    "fault",
    [
        lambda order: (order[0], order[1], replace(order[2], adds=()), *order[3:]),  # written over, not added
        lambda order: (order[0], order[1], replace(order[2], target=View("gru0_gx", 7)), *order[3:]),  # other rows
        lambda order: (order[1], *order[2:4], order[0], order[4]),  # added before there is anything
        lambda order: (*order[:4], replace(order[4], stores=())),  # the state is not written
        lambda order: (*order[:2], order[3], order[2], order[4], order[2]),  # added twice
    ],
)
def test_the_proof_fails_on_other_statements(fault: object) -> None:
    made = program(GRU)
    plan = make_plan(made)
    assert callable(fault)
    statements = replace(plan.body.statements, order=fault(plan.body.statements.order))
    with pytest.raises((AssertionError, KeyError)):
        check_plan(made, replace(plan, body=replace(plan.body, statements=statements)))


def test_the_proof_fails_on_a_loop_out_of_step() -> None:
    """A state written in place while its neighbours are still read."""
    made = program(GRU)
    plan = make_plan(made)
    views = {**plan.body.statements.views, "gru0_gx_n": View("h0_next", 1)}
    with pytest.raises(AssertionError):
        check_plan(made, replace(plan, body=_with_views(plan.body, views)))


def _with_views(part: Part, views: dict[str, View]) -> Part:
    return replace(part, statements=replace(part.statements, views=views))


def _two_states() -> Program:
    return program(Network(("gru", "gru"), (4, 4), every_step=True))
