"""Verification in the browser: what it takes, and where files are checked."""

from __future__ import annotations

from typing import Any

from node.explorer.language import msg
from node.explorer.site import Group, Page
from node.explorer.view import View


def verify(view: View) -> dict[str, Any]:
    """The page; everything on it happens on the reader's side."""
    return {"proofs": ()}


PAGES = (Page("/verify", msg("Verify"), render=verify, template="verify.html", group=Group.LEDGER),)
