"""File formats of people's own tools, written from :mod:`contracts.extracts`."""
