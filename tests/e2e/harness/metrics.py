"""The text form of Prometheus, read strictly enough for sums over series."""

import re

from . import web

_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)')


class Scrape:
    """One scrape: samples by name."""

    def __init__(self, text):
        self.text = text
        self.samples = {}
        for line in text.splitlines():
            if not line or line.startswith("#"):
                continue
            match = _SAMPLE.match(line)
            if match is None:
                raise ValueError(f"no sample: {line!r}")
            name, labels, value = match.groups()
            self.samples.setdefault(name, []).append((dict(_LABEL.findall(labels or "")), float(value)))

    def sum(self, name, **labels):
        """The sum of all series of that name with those labels; None when there are none."""
        values = [
            value
            for given, value in self.samples.get(name, [])
            if all(given.get(label) == wanted for label, wanted in labels.items())
        ]
        return sum(values) if values else None


def scrape(admin):
    return Scrape(web.fetch(f"{admin}/metrics").text)
