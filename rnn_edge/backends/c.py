"""The C of a program: constant tables and one call an operation; the loops are in the hand-written kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import __version__
from ..ir import arithmetic
from ..ir.arithmetic import IntArray
from ..ir.counters import Counters, channels, gates, states, watched
from ..ir.interpret import Interpreter
from ..ir.plan import Plan, make_plan
from ..ir.plan_check import check_plan
from ..ir.program import Program
from ..ir.quantize_input import float_channels, raw_channels
from ..ir.replies import packed
from ..paths import FIRMWARE
from .c_step import NO_PROBES, Probes, function_body, scratch_bytes
from .c_step import lap_names as step_lap_names
from .c_tables import Tables, all_tables, crc
from .c_templates import render
from .c_text import check_model_name, float_literal, identifier, string_literal, table, with_notes

KERNELS = tuple(sorted(path.name for path in (FIRMWARE / "kernels").iterdir()))
"""Files of the kernels, of which rnn_kernels.c is compiled."""

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror")
"""All C of the project compiles with these."""

_TYPE_NAMES = {"int8": "s8", "int16": "s16"}


def write(program: Program, trace: bool = False, laps: bool = False, counts: bool = False) -> dict[str, str]:
    """File name -> text of the model and its kernels; same program, same bytes.

    `trace`: the step hands its values to `rnn_trace_s8` and `rnn_trace_s16`, for a build that looks for a difference.
    `laps`: it calls `rnn_lap` with the number of each statement behind it, for a build that measures them.
    `counts`: it hands gates and new states to `rnn_count`, for a build that counts what saturates (`ir/counters.py`).
    """
    check_model_name(program.name)
    facts = _facts(program)
    plan = check_plan(program, _plan(program, trace, counts))
    shared, own = all_tables(program, plan)
    of_body, of_head = _probes(program, plan, trace, laps, counts)
    body = function_body(program, plan.body, of_body)
    head = function_body(program, plan.head, of_head)
    names = [one.name for one in watched(program)] if counts else []
    facts |= {"shared": shared, "own": own, "crcs": _crcs(shared, own), "watched": names}
    files = {
        f"{program.name}.h": render("model.h.j2", defines=_defines(program, _scratch(program, plan)), **facts),
        f"{program.name}.c": render("model.c.j2", body=body, head=head, trace=trace, laps=laps, **facts),
        f"{program.name}_tables.h": render("model_tables.h.j2", **_channels(program), **facts),
    }
    return files | {name: (FIRMWARE / "kernels" / name).read_text() for name in KERNELS}


def file_names(model: str) -> tuple[str, ...]:
    """The files of an exported model of this name."""
    return (f"{model}.h", f"{model}.c", f"{model}_tables.h", *KERNELS)


def lap_names(program: Program) -> list[str]:
    """What each statement of the step computes, in the order of its laps."""
    plan = make_plan(program)
    return [name for part in (plan.body, plan.head) for name in step_lap_names(program, part)]


def stack_bytes(program: Program, counts: bool = False) -> int:
    """Most bytes that the arrays of a step take on the stack; `counts`: as in `write`."""
    return _scratch(program, _plan(program, counts=counts))


def table_sizes(program: Program) -> dict[str, int]:
    """Bytes of each constant table on a core with little memory (RNN_NARROW), by its name in C."""
    shared, own = all_tables(program, make_plan(program))
    narrow = next(tables for tables in own if tables.guard == "RNN_NARROW")
    return {one.name: len(one.content) for one in (*shared.tables, *narrow.tables)}


def binding(program: Program) -> str:
    """`model_binding.h`: what firmware/harness and firmware/device need to know about the model they drive."""
    hash_bytes = [f"0x{byte:02x}" for byte in bytes.fromhex(program.hash)]
    return render("model_binding.h.j2", hash_bytes=hash_bytes, **_facts(program))


def limits(program: Program, calibration: Counters) -> str:
    """`model_counters.h`: what firmware/counters needs to know of the model and of its calibration."""
    ranges = list(zip(calibration.low, calibration.high, strict=True)) if channels(program) else []
    return render("model_counters.h.j2", ranges=ranges, watched=len(watched(program)), **_facts(program))


def self_test(program: Program, x: IntArray) -> str:
    """`model_self_test.h`: inputs `[steps, inputs]`, the output of every step from a reset on, and the last states."""
    interpreter = Interpreter(program)
    states = interpreter.start_states()
    outputs = []
    for row in x:
        y, states = interpreter.step(row[None], states)
        outputs.append(y[0])
    facts = _facts(program)
    tables = [
        table(facts["input"], "model_self_test_inputs", x),
        table(facts["output"], "model_self_test_outputs", np.array(outputs)),
        table("int16_t", "model_self_test_states", np.concatenate(states, axis=1)),
    ]
    return render("model_self_test.h.j2", steps=len(x), tables=tables, **facts)


def _plan(program: Program, trace: bool = False, counts: bool = False) -> Plan:
    if trace:
        return make_plan(program, watched=[op.output for op in program.ops])
    return make_plan(program, watched=[gate.value for gate in gates(program)] if counts else ())


def _scratch(program: Program, plan: Plan) -> int:
    return max(scratch_bytes(program, part) for part in (plan.body, plan.head))


def _probes(program: Program, plan: Plan, trace: bool, laps: bool, counts: bool) -> tuple[Probes, Probes]:
    """Those of the body and those of the head, which has nothing to count."""
    if counts:
        number = {one: index for index, one in enumerate(watched(program))}
        of_gates = {gate.value: number[gate] for gate in gates(program)}
        return Probes(gates=of_gates, states={s.name: number[s] for s in states(program)}), NO_PROBES
    laps_of_body = len(plan.body.statements.order)
    return Probes(trace, 0 if laps else None), Probes(trace, laps_of_body if laps else None)


def _facts(program: Program) -> dict[str, Any]:
    """What the templates say about a program."""
    name, tokens = program.name, program.tokens
    x, y = program.values[program.input], program.values[program.output]
    states = [(state, program.values[state.name].size) for state in program.states]
    upper, x_type = name.upper(), f"{x.dtype}_t"
    return {
        "name": name,
        "NAME": upper,
        "version": __version__,
        "hash": program.hash,
        "semantics": program.semantics,
        "scheme": program.scheme,
        "tokens": tokens,
        "inputs": x.size,
        "input": x_type,
        "input_type": _TYPE_NAMES.get(x.dtype),
        "input_bits": np.dtype(x.dtype).itemsize * 8,
        "raw_unit": f"{program.raw_unit:.9g}",
        "step_input": "int32_t token" if tokens else f"const {x_type} x[{upper}_INPUTS]",
        "run_input": "const int32_t *tokens" if tokens else f"const {x_type} *x",
        "next_input": "*tokens" if tokens else "x",
        "advance": "tokens++" if tokens else f"x += {upper}_INPUTS",
        "outputs": y.size,
        "output": f"{y.dtype}_t",
        "output_type": _TYPE_NAMES[y.dtype],
        "output_bits": np.dtype(y.dtype).itemsize * 8,
        "states": [
            {
                "name": identifier(state.name, name),
                "size": size,
                "start": "INT16_MIN" if state.start == -32768 else state.start,
            }
            for state, size in states
        ],
        "every_step": program.every_step,
        "softmax": program.softmax,
        "softmax_multiplier": arithmetic.softmax_multiplier(y.scale),
        "classes": [string_literal(label) for label in program.classes],
        "reply_bytes": max((len(packed([text])) - 1 for text in program.replies), default=0),
    }


def _defines(program: Program, scratch: int) -> list[str]:
    """The macros of the header, with their meaning."""
    upper, tokens = program.name.upper(), program.tokens
    x, y = program.values[program.input], program.values[program.output]
    state_bytes = 2 * sum(program.values[state.name].size for state in program.states)
    read: list[tuple[str, object, str]] = [("TOKENS", tokens, f"0 <= token < {upper}_TOKENS: the caller's duty")]
    if tokens is None:
        zero_point = f"({x.zero_point})" if x.zero_point < 0 else x.zero_point
        read = [
            ("INPUT_SCALE", float_literal(x.scale), "normalized input = (x - zero point) * scale"),
            ("INPUT_ZERO_POINT", zero_point, ""),
        ]
    rows = [
        ("INPUTS", x.size, _rows(program)),
        *read,
        ("OUTPUTS", y.size, ""),
        ("OUTPUT_SCALE", float_literal(y.scale), f"{'logit' if program.softmax else 'output'} = y * scale"),
        ("STATE_BYTES", state_bytes, f"of {program.name}_state"),
        ("SCRATCH_BYTES", scratch, "of arrays on the stack while a step runs, at most"),
    ]
    return with_notes([(f"#define {upper}_{name} {value}", note) for name, value, note in rows])


def _rows(program: Program) -> str:
    """What of a sequence one step reads, where that is not one row."""
    if program.mirrored:
        return "row t of the sequence, then row T - 1 - t of its T rows"
    return f"{program.rate} rows of the sequence, the earlier ones first" if program.rate > 1 else ""


def _crcs(shared: Tables, own: Sequence[Tables]) -> list[tuple[str, str]]:
    return [(tables.guard, f"UINT32_C(0x{crc(shared, tables):08X})") for tables in own]


def _channels(program: Program) -> dict[str, Any]:
    """The constants that turn physical values and raw counts into inputs."""
    if program.tokens is not None:
        return {}
    gains, offsets = float_channels(program)
    gain, offset, shift = (column.tolist() for column in raw_channels(program))
    return {
        "float_channels": [(float_literal(g), float_literal(o)) for g, o in zip(gains, offsets, strict=True)],
        "raw_channels": list(zip(gain, offset, shift, strict=True)),
    }
