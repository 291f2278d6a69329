"""Codes of the failures that a command finds on its own machine, before any node is asked.

The layer below never sees them, so their HTTP status is 0. They end a command with exit code 6
(``cli.output.Exit.LOCAL``) unless the command says otherwise.
"""

from __future__ import annotations

from ledger.errors import define

BAD_PASSWORD = define("BAD_PASSWORD", 0, "The password does not open the keystore.")
KEYSTORE_DAMAGED = define(
    "KEYSTORE_DAMAGED", 0, "A keystore file is not one, or was changed outside the wallet."
)
FILE_MODE = define("FILE_MODE", 0, "A file with secrets is readable or writable by other users.")
FILE_EXISTS = define("FILE_EXISTS", 0, "The file exists, and the wallet does not overwrite it.")
FILE_MISSING = define("FILE_MISSING", 0, "A file that the command needs does not exist.")
NO_SUCH_KEY = define("NO_SUCH_KEY", 0, "The keystore holds no such key.")
KEY_EXISTS = define("KEY_EXISTS", 0, "The keystore already holds a key of that name.")
PASSWORD_NEEDED = define(
    "PASSWORD_NEEDED", 0, "A password is needed and there is no terminal to ask for it."
)
AGENT_PROBLEM = define("AGENT_PROBLEM", 0, "The unlock agent does not answer as it should.")
BAD_PROFILE = define("BAD_PROFILE", 0, "A profile is missing or says something unusable.")
BAD_TRANSACTION_FILE = define(
    "BAD_TRANSACTION_FILE", 0, "A transaction file contradicts itself or is not one."
)
AMBIGUOUS_PARTY = define("AMBIGUOUS_PARTY", 0, "A name fits more than one party of the register.")
NO_SUCH_PARTY = define("NO_SUCH_PARTY", 0, "No party of the register has that name or LEI.")
AMBIGUOUS_ID = define("AMBIGUOUS_ID", 0, "The first digits of an id fit more than one.")
NO_SUCH_ID = define("NO_SUCH_ID", 0, "Neither an id, nor the start of one, nor a saved name.")
BAD_NAME = define("BAD_NAME", 0, "A name for an id cannot be saved or read.")
BAD_MOMENT = define(
    "BAD_MOMENT", 0, "A height, date or name is none, or lies outside of the ledger."
)
STARTS_LATER = define(
    "STARTS_LATER", 0, "A ledger begins after block 1, and what was asked needs the blocks below."
)
BAD_SCENARIO = define("BAD_SCENARIO", 0, "A scenario file says something that cannot be played.")
NODE_UNREACHABLE = define("NODE_UNREACHABLE", 0, "None of the nodes given could be reached.")
OUTCOME_UNKNOWN = define(
    "OUTCOME_UNKNOWN",
    0,
    "A submission may or may not have reached a node; sending the same bytes again is safe.",
)
BAD_ANSWER = define("BAD_ANSWER", 0, "Something answered that does not speak the node's API.")
SOLVER_FAILED = define("SOLVER_FAILED", 0, "The clearing solver found no optimal clearing.")
SOLVER_MISSING = define(
    "SOLVER_MISSING", 0, "The clearing solver's libraries are not installed (the extra 'solver')."
)
ANNEX_DAMAGED = define(
    "ANNEX_DAMAGED", 0, "An annex file is not one, or was changed after it was sealed."
)
ANNEX_UNKNOWN = define("ANNEX_UNKNOWN", 0, "The ledger holds no annex of this file's commitment.")
ANNEX_NOT_FOR_YOU = define(
    "ANNEX_NOT_FOR_YOU", 0, "Nobody gave the member the key of this annex, or not for a key it has."
)
ANNEX_WRONG_KEY = define(
    "ANNEX_WRONG_KEY", 0, "The key of an annex that was given on the ledger does not open it."
)
ARROW_MISSING = define(
    "ARROW_MISSING", 0, "Parquet cannot be written (the extra 'audit' is not installed)."
)
DATASET_DIFFERS = define(
    "DATASET_DIFFERS", 0, "A folder holds another dataset than the one to be continued."
)
