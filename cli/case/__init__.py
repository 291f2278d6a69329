"""Case files: everything about one object or member in one archive that verifies offline."""
