"""Unit codes of UN/CEFACT Recommendation 20 that trade in machinery and materials uses.

Each entry is a name and whether quantities are whole numbers of it.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Unit(NamedTuple):
    """A unit of measure: its name, and whether it is only ever counted whole."""

    name: str
    whole: bool = False


UNITS: Final[dict[str, Unit]] = {
    # Counting
    "C62": Unit("one", whole=True),
    "H87": Unit("piece", whole=True),
    "EA": Unit("each", whole=True),
    "SET": Unit("set", whole=True),
    "PR": Unit("pair", whole=True),
    "DZN": Unit("dozen", whole=True),
    "CEN": Unit("hundred", whole=True),
    "MIL": Unit("thousand", whole=True),
    "NAR": Unit("number of articles", whole=True),
    "KT": Unit("kit", whole=True),
    "LO": Unit("lot", whole=True),
    "NRL": Unit("number of rolls", whole=True),
    "P1": Unit("percent"),
    # Length, area, volume
    "MMT": Unit("millimetre"),
    "CMT": Unit("centimetre"),
    "DMT": Unit("decimetre"),
    "MTR": Unit("metre"),
    "KMT": Unit("kilometre"),
    "INH": Unit("inch"),
    "FOT": Unit("foot"),
    "MMK": Unit("square millimetre"),
    "CMK": Unit("square centimetre"),
    "MTK": Unit("square metre"),
    "HAR": Unit("hectare"),
    "CMQ": Unit("cubic centimetre"),
    "DMQ": Unit("cubic decimetre"),
    "MTQ": Unit("cubic metre"),
    "MLT": Unit("millilitre"),
    "LTR": Unit("litre"),
    "HLT": Unit("hectolitre"),
    "BLL": Unit("barrel (US petroleum)"),
    # Mass
    "MGM": Unit("milligram"),
    "GRM": Unit("gram"),
    "KGM": Unit("kilogram"),
    "DTN": Unit("decitonne"),
    "TNE": Unit("tonne"),
    "KTN": Unit("kilotonne"),
    "LBR": Unit("pound"),
    "CTM": Unit("metric carat"),
    # Time and labour
    "SEC": Unit("second"),
    "MIN": Unit("minute"),
    "HUR": Unit("hour"),
    "DAY": Unit("day"),
    "WEE": Unit("week"),
    "MON": Unit("month"),
    "ANN": Unit("year"),
    # Energy, power, electricity
    "JOU": Unit("joule"),
    "KJO": Unit("kilojoule"),
    "3B": Unit("megajoule"),
    "GV": Unit("gigajoule"),
    "WHR": Unit("watt hour"),
    "KWH": Unit("kilowatt hour"),
    "MWH": Unit("megawatt hour"),
    "GWH": Unit("gigawatt hour"),
    "WTT": Unit("watt"),
    "KWT": Unit("kilowatt"),
    "MAW": Unit("megawatt"),
    "KVA": Unit("kilovolt ampere"),
    "MVA": Unit("megavolt ampere"),
    "VLT": Unit("volt"),
    "KVT": Unit("kilovolt"),
    "AMP": Unit("ampere"),
    "AMH": Unit("ampere hour"),
    "OHM": Unit("ohm"),
    "HTZ": Unit("hertz"),
    # Force, pressure, temperature
    "NEW": Unit("newton"),
    "B47": Unit("kilonewton"),
    "NU": Unit("newton metre"),
    "PAL": Unit("pascal"),
    "KPA": Unit("kilopascal"),
    "MPA": Unit("megapascal"),
    "BAR": Unit("bar"),
    "CEL": Unit("degree Celsius"),
    "KEL": Unit("kelvin"),
    "RPM": Unit("revolutions per minute"),
    # Rates used in transport and processing
    "TKM": Unit("tonne kilometre"),
    "KMH": Unit("kilometre per hour"),
    "MQH": Unit("cubic metre per hour"),
    "E32": Unit("litre per hour"),
    "GM": Unit("gram per square metre"),
    "28": Unit("kilogram per square metre"),
    "KMQ": Unit("kilogram per cubic metre"),
}
