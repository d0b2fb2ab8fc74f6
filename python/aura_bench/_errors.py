"""What can go wrong, by the program's exit codes."""

from __future__ import annotations

from typing import Any


class AuraBenchError(Exception):
    """The program failed; the text is what it said.

    `exit_code` is the program's: 1 to 4 have classes of their own, 101 is a defect of the program, and a negative one is the
    signal that ended it.
    """

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross from worker processes; the default forgets the second argument.
        return (type(self), (str(self), self.exit_code), self.__dict__)


class CheckFailed(AuraBenchError):
    """A check did not hold (exit code 1). `report` is what `check` found, as `aura-bench schema check` describes it."""

    report: dict[str, Any] | None = None


class UsageError(AuraBenchError):
    """The call or the recipe is wrong (exit code 2)."""


class DataError(AuraBenchError):
    """Data are missing or unusable, or an output cannot be written (exit code 3)."""


class DeviceError(AuraBenchError):
    """The device asked for cannot be used (exit code 4)."""


class ProgramNotFound(AuraBenchError):
    """There is no program `aura-bench` here, or it does not start."""

    #: What a shell returns for a command that it does not find.
    EXIT_CODE = 127

    def __init__(self, text: str, exit_code: int = EXIT_CODE) -> None:
        super().__init__(text, exit_code)


#: The program's exit code after Ctrl-C.
INTERRUPTED = 130

_CLASSES: dict[int, type[AuraBenchError]] = {1: CheckFailed, 2: UsageError, 3: DataError, 4: DeviceError}


def error_of(exit_code: int, text: str) -> BaseException:
    """The exception for a program that ended with `exit_code` (not 0) and said `text`."""
    text = text.strip().removeprefix("error: ")
    if exit_code == INTERRUPTED:
        return KeyboardInterrupt(text or "interrupted; the same call continues where this one stopped")
    if exit_code < 0 and not text:
        text = f"aura-bench was ended by signal {-exit_code}"
        if exit_code == -9:
            text += ", as systems do where memory runs out; the same call continues where this one stopped"
    return _CLASSES.get(exit_code, AuraBenchError)(text or f"aura-bench ended with exit code {exit_code}", exit_code)
