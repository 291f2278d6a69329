"""placeholder, replaced below"""

HARMONIZED: dict[str, str] = {"848210": "ball bearings"}
