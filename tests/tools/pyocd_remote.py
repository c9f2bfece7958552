"""The debug port as a probe of pyOCD: the server of its `remote:` protocol, a line of JSON for each request."""

from __future__ import annotations

import json
import socket
from typing import Any

from .debug_port import DebugPort
from .qemu_target import TargetGone

_TRANSFER_ERROR = 10  # status

_PROPERTIES: dict[str, Any] = {
    "vendor_name": "rnn_edge",
    "product_name": "simulated debug port",
    "supported_wire_protocols": ["DEFAULT", "SWD"],
    "wire_protocol": "SWD",
    "capabilities": [],
}


def serve(connection: socket.socket, port: DebugPort) -> None:
    """Answer pyOCD until it goes; a target that went is an error of each transfer."""
    with connection.makefile("rwb") as stream:
        for line in stream:
            request = json.loads(line)
            answer: dict[str, Any] = {"id": request["id"], "status": 0}
            try:
                answer["result"] = _result(port, request["request"], *request.get("arguments", ()))
            except TargetGone as error:
                answer |= {"status": _TRANSFER_ERROR, "error": str(error)}
            stream.write(json.dumps(answer).encode() + b"\n")
            stream.flush()


def _result(port: DebugPort, request: str, *arguments: Any) -> Any:
    match request, *arguments:
        case "readprop", name:
            return _PROPERTIES[name]
        case "is_reset_asserted", *_:
            return False
        case "read_dp", address:
            return port.read_dp(address & 0xC)
        case "write_dp", address, value:
            port.write_dp(address & 0xC, value)
        case "read_ap", address:
            return port.read_ap(_ap(port, address))
        case "write_ap", address, value:
            port.write_ap(_ap(port, address), value)
        case "read_ap_multiple", address, count:
            return [port.read_ap(_ap(port, address)) for _ in range(count)]
        case "write_ap_multiple", address, values:
            for value in values:
                port.write_ap(_ap(port, address), value)
        case _:
            return None
    return None


def _ap(port: DebugPort, address: int) -> int:
    return port.ap_address(address & 0xC)
