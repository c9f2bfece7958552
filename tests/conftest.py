"""Fixtures of all tests, and the rule that CI skips nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest

IN_CI = os.environ.get("CI", "").lower() == "true"

# What a shell starts in the background ignores Ctrl-C, and so would the commands that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI everything can be installed, so a skip there is a failure; but for what the processor lacks."""
    report = yield
    reason = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
    if IN_CI and report.skipped and "this processor has no" not in reason:
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not accept: {reason}"
    return report
