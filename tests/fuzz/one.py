"""One target in its own process: ``python -m tests.fuzz.one TARGET CORPUS [libFuzzer flags]``."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["ledger", "contracts", "node", "cli", "tests.fuzz"]):
    from ledger.errors import CodedError
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until the time is over or something fails."""
    target = TARGETS[sys.argv[1]]

    def once(data: bytes) -> None:
        try:
            target(data)
        except CodedError:
            return

    atheris.Setup([sys.argv[0], *sys.argv[2:]], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
