"""The C of a program: constant tables and one call an operation; the loops are in the hand-written kernels."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from .. import __version__
from ..ir import arithmetic
from ..ir.arithmetic import IntArray
from ..ir.interpret import Interpreter
from ..ir.ops import op_requantization
from ..ir.plan import check_plan, make_plan
from ..ir.program import Op, Program
from ..ir.quantize_input import float_channels, raw_channels
from ..paths import FIRMWARE
from .c_step import function_body
from .c_text import Table, check_model_name, float_literal, identifier, string_literal, table, with_notes

KERNELS = ("rnn_kernels.h", "rnn_kernels.c")

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror")
"""All C of the project compiles with these."""

_TYPE_NAMES = {"int8": "s8", "int16": "s16"}


def write(program: Program, trace: bool = False) -> dict[str, str]:
    """File name -> text of the model and its kernels; same program, same bytes.

    `trace`: the step hands every value to `rnn_trace_s8` and `rnn_trace_s16`, for a build that looks for a difference.
    """
    check_model_name(program.name)
    facts = _facts(program)
    plan = check_plan(program, make_plan(program))
    tables = [one for op in program.ops for one in _tables(program, op)]
    body, head = (function_body(program, part, trace) for part in (plan.body, plan.head))
    defines, data = _defines(program, tables, 2 * plan.scratch), _data(program, tables)
    files = {
        f"{program.name}.h": _render("model.h.j2", defines=defines, **facts),
        f"{program.name}.c": _render("model.c.j2", body=body, head=head, trace=trace, **data, **facts),
    }
    return files | {name: (FIRMWARE / "kernels" / name).read_text() for name in KERNELS}


def table_sizes(program: Program) -> dict[str, int]:
    """Bytes of each constant table, by its name in C."""
    return {one.name: len(one.content) for op in program.ops for one in _tables(program, op)}


def binding(program: Program) -> str:
    """`model_binding.h`: what firmware/harness and firmware/device need to know about the model they drive."""
    hash_bytes = [f"0x{byte:02x}" for byte in bytes.fromhex(program.hash)]
    return _render("model_binding.h.j2", hash_bytes=hash_bytes, **_facts(program))


def self_test(program: Program, x: IntArray) -> str:
    """`model_self_test.h`: inputs `[steps, inputs]`, the output of every step from a reset on, and the last states."""
    interpreter = Interpreter(program)
    states = interpreter.zero_state()
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
    return _render("model_self_test.h.j2", steps=len(x), tables=tables, **facts)


def _facts(program: Program) -> dict[str, Any]:
    """What the templates say about a program."""
    name, tokens = program.name, program.tokens
    x, y = program.values[program.input], program.values[program.output]
    states = [program.values[state.name] for state in program.states]
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
        "states": [{"name": identifier(state.name, name), "size": state.size} for state in states],
        "every_step": program.every_step,
        "softmax": program.softmax,
        "softmax_multiplier": arithmetic.softmax_multiplier(y.scale),
        "classes": [string_literal(label) for label in program.classes],
    }


def _defines(program: Program, tables: Sequence[Table], scratch_bytes: int) -> list[str]:
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
        ("INPUTS", x.size, ""),
        *read,
        ("OUTPUTS", y.size, ""),
        ("OUTPUT_SCALE", float_literal(y.scale), f"{'logit' if program.softmax else 'output'} = y * scale"),
        ("STATE_BYTES", state_bytes, f"of {program.name}_state"),
        ("SCRATCH_BYTES", scratch_bytes, "on the stack while a step runs"),
        ("TABLES_CRC", f"UINT32_C(0x{_crc(tables):08X})", f"{program.name}_tables_crc() of undamaged tables"),
    ]
    return with_notes([(f"#define {upper}_{name} {value}", note) for name, value, note in rows])


def _crc(tables: Sequence[Table]) -> int:
    return zlib.crc32(b"".join(one.content for one in tables))


def _data(program: Program, tables: Sequence[Table]) -> dict[str, Any]:
    """The constant tables, named after the values that they compute."""
    data: dict[str, Any] = {
        "tables": tables,
        "crc_lines": with_notes([(f"crc = rnn_crc32(crc, {t.name}, sizeof {t.name});", "") for t in tables], indent=4),
        "linears": [
            {"name": f"{program.name}_{op.output}", "rows": rows, "cols": cols}
            for op in program.ops
            if op.kind == "matvec"
            for rows, cols in [program.constants[op.constants[0]].shape]
        ],
    }
    if program.tokens is None:
        gains, offsets = float_channels(program)
        data["float_channels"] = [(float_literal(g), float_literal(o)) for g, o in zip(gains, offsets, strict=True)]
        gain, offset, shift = (column.tolist() for column in raw_channels(program))
        data["raw_channels"] = list(zip(gain, offset, shift, strict=True))
    return data


def _tables(program: Program, op: Op) -> list[Table]:
    prefix = f"{program.name}_{op.output}"
    match op.kind:
        case "matvec":
            weight, bias, _ = (program.constants[name] for name in op.constants)
            requantization = op_requantization(program, op)
            return [
                table("int8_t", f"{prefix}_weight", weight),
                table("int32_t", f"{prefix}_bias", bias),
                table("int16_t", f"{prefix}_multiplier", requantization.r),
                table("uint8_t", f"{prefix}_shift", requantization.t),
            ]
        case "gather":
            return [table("int8_t", f"{prefix}_table", program.constants[op.constants[0]])]
    return []


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # C, not HTML; the only free text is the class names, which string_literal escapes
    )


def _render(template: str, **facts: Any) -> str:
    return _templates().get_template(template).render(facts)
