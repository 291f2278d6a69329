"""A release that knows one protocol more than this one: started as a program by upgrade tests."""

from ledger import block

block.PROTOCOL_VERSION += 1

from cli.main import main  # noqa: E402  # only after the newer protocol is known

if __name__ == "__main__":
    main()
