"""Backends: each turns a checked program into files that another runtime runs, bit for bit as the interpreter.

A backend is a table from the kind of an operation to what stands for it there; a cell is never named.
"""
