"""Benchmarks: what one step costs on emulated boards, counted exactly, and its history.

`subjects` says what is measured, `run` measures it with the firmware in firmware/bench/, `history` keeps and compares
it, `report` and `page` show it.
"""
