"""A simulated Arm debug port (ADIv5): DP, one AHB-AP, and the debug registers of a Cortex-M0, in front of `QemuTarget`.

What a debugger meets here follows Arm's ADIv5.2 and ARMv6-M manuals, and so do the names. The wire (JTAG, or a probe's
own protocol) is not here. Not modelled, as no flash tool needs it: bus faults, breakpoint and watchpoint comparators.
"""

from __future__ import annotations

from collections.abc import Callable

from .qemu_target import SP, XPSR, QemuTarget

DPIDR = 0x0BB11477
AHB_AP_IDR = 0x04770021

IDCODE, CTRL_STAT, SELECT = 0x0, 0x4, 0x8  # registers of the DP
CSW, TAR, DRW, BD0, BASE, IDR = 0x00, 0x04, 0x0C, 0x10, 0xF8, 0xFC  # and of the AP

AIRCR, DFSR, DHCSR, DCRSR, DCRDR, DEMCR = 0xE000ED0C, 0xE000ED30, 0xE000EDF0, 0xE000EDF4, 0xE000EDF8, 0xE000EDFC
_C_DEBUGEN, _C_HALT, _C_STEP = 1, 2, 4
_S_REGRDY, _S_HALT, _S_LOCKUP, _S_RESET_ST = 1 << 16, 1 << 17, 1 << 19, 1 << 25
_HALTED, _BKPT, _VCATCH = 1, 2, 8  # in DFSR
_VC_CORERESET = 1
_SYSRESETREQ = 4

_PRIVATE_BUS = range(0xE0000000, 0xE0100000)
_SYSTEM_CONTROL = range(0xE000E000, 0xE000F000)
_ROM_TABLE = 0xE00FF000
_GDB_REGISTER = {**{number: number for number in range(16)}, 16: XPSR, 17: SP}  # 17 is MSP


def _identification(base: int, component_class: int, part: int) -> dict[int, int]:
    """The CoreSight registers that say: this is that part, by Arm."""
    component = (0x0D, component_class << 4, 0x05, 0xB1)
    peripheral = (part & 0xFF, 0xB0 | part >> 8, 0x0B, 0, 4)
    offsets = (0xFF0, 0xFF4, 0xFF8, 0xFFC, 0xFE0, 0xFE4, 0xFE8, 0xFEC, 0xFD0)
    return {base + offset: value for offset, value in zip(offsets, component + peripheral, strict=True)}


_CONSTANT = {
    0x10000028: 0xFFFFFFFF,  # FICR CLENR0 and PPFC: no factory code, so nothing is protected;
    0x1000002C: 0xFFFFFFFF,  # QEMU has 0x2000 there
    _ROM_TABLE: (_SYSTEM_CONTROL.start - _ROM_TABLE) % 2**32 | 3,
    0xE0002000: 1,  # FP_CTRL: enabled, or OpenOCD gives up; no comparators
    **_identification(_ROM_TABLE, 0x1, 0x471),
    **_identification(_SYSTEM_CONTROL.start, 0xE, 0x008),
}


class CoreDebug:
    """The address space as a debugger sees it: memory, and the registers that halt, run and read the core."""

    def __init__(self, target: QemuTarget) -> None:
        self.target = target
        self._dhcsr = self._dcrdr = self._demcr = self._dfsr = 0
        self._was_reset = False
        self._readers: dict[int, Callable[[], int]] = {
            DHCSR: self._read_dhcsr,
            DCRDR: lambda: self._dcrdr,
            DEMCR: lambda: self._demcr,
            DFSR: lambda: self._dfsr,
        }
        self._writers: dict[int, Callable[[int], None]] = {
            DHCSR: self._write_dhcsr,
            DCRSR: self._write_dcrsr,
            DCRDR: lambda value: setattr(self, "_dcrdr", value),
            DEMCR: lambda value: setattr(self, "_demcr", value),
            DFSR: lambda value: setattr(self, "_dfsr", self._dfsr & ~value),
            AIRCR: self._write_aircr,
        }

    def read(self, address: int, size: int) -> int:
        """A value of 1, 2 or 4 bytes at an aligned address."""
        word = address & ~3
        if word in self._readers:
            value = self._readers[word]()
        elif word in _CONSTANT or (word in _PRIVATE_BUS and word not in _SYSTEM_CONTROL):
            value = _CONSTANT.get(word, 0)
        else:
            return self.target.read(address, size)
        return value >> 8 * (address & 3) & (1 << 8 * size) - 1

    def write(self, address: int, value: int, size: int) -> None:
        """Write 1, 2 or 4 bytes at an aligned address."""
        if address in self._writers:
            self._writers[address](value)
        else:
            self.target.write(address, value, size)

    def _read_dhcsr(self) -> int:
        before = self.target.halted
        halted = self.target.stopped()
        if halted and not before:
            self._dfsr |= _BKPT
        status = _S_HALT * halted | _S_LOCKUP * self.target.locked_up | _S_RESET_ST * self._was_reset
        self._was_reset = False
        return status | _S_REGRDY | self._dhcsr

    def _write_dhcsr(self, value: int) -> None:
        if value >> 16 != 0xA05F:
            return
        self._dhcsr = value & 0xFFFF
        if value & _C_DEBUGEN and value & _C_HALT:
            self.target.halt()
            self._dfsr |= _HALTED
        elif not self.target.stopped():
            return
        elif value & _C_DEBUGEN and value & _C_STEP:
            self.target.step()
            self._dfsr |= _HALTED
        else:
            self.target.resume()

    def _write_dcrsr(self, value: int) -> None:
        """Move a core register to or from DCRDR; those that the GDB server lacks read as zero."""
        number = _GDB_REGISTER.get(value & 0x7F)
        if number is None:
            self._dcrdr = 0
        elif value & 1 << 16:
            self.target.set_register(number, self._dcrdr)
        else:
            self._dcrdr = self.target.register(number)

    def _write_aircr(self, value: int) -> None:
        if value >> 16 == 0x05FA and value & _SYSRESETREQ:
            catch = self._dhcsr & _C_DEBUGEN and self._demcr & _VC_CORERESET
            self.target.reset(run=not catch)
            self._was_reset = True
            self._dfsr = _VCATCH if catch else 0


class DebugPort:
    """DP and AP, as register reads and writes."""

    def __init__(self, memory: CoreDebug) -> None:
        self._memory = memory
        self._ctrl_stat = self._select = 0
        self._csw = 2
        self._tar = 0

    def read_dp(self, register: int) -> int:
        if register == CTRL_STAT:  # power-up requests are granted: each acknowledge is one bit above
            return self._ctrl_stat | (self._ctrl_stat & 0x50000000) << 1
        return {IDCODE: DPIDR, SELECT: self._select}.get(register, 0)

    def write_dp(self, register: int, value: int) -> None:
        if register == CTRL_STAT:
            self._ctrl_stat = value & 0x50000F00
        elif register == SELECT:
            self._select = value

    def ap_address(self, register: int) -> int:
        """The address of one of four registers in the bank and the AP that SELECT names."""
        return self._select & 0xFF0000F0 | register

    def read_ap(self, address: int) -> int:
        """Read a register; the upper byte of the address is the number of the AP, and there is AP 0 only."""
        if address == DRW:
            at, size = self._next_transfer()
            return self._memory.read(at, size) << 8 * (at & 3)
        if address & ~0xC == BD0:
            return self._memory.read(self._tar & ~0xF | address & 0xC, 4)
        return {CSW: self._csw | 1 << 6, TAR: self._tar, BASE: _ROM_TABLE | 3, IDR: AHB_AP_IDR}.get(address, 0)

    def write_ap(self, address: int, value: int) -> None:
        if address == CSW:
            self._csw = value & ~(1 << 5)  # no packed transfers
        elif address == TAR:
            self._tar = value
        elif address == DRW:
            at, size = self._next_transfer()
            self._memory.write(at, value >> 8 * (at & 3) & (1 << 8 * size) - 1, size)
        elif address & ~0xC == BD0:
            self._memory.write(self._tar & ~0xF | address & 0xC, value, 4)

    def _next_transfer(self) -> tuple[int, int]:
        """Address and size of an access by DRW; where CSW says so, TAR then moves on within its 1 kB."""
        at, size = self._tar, 1 << (self._csw & 3)
        if self._csw & 1 << 4:
            self._tar = at & ~0x3FF | at + size & 0x3FF
        return at, size
