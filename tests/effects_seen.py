"""Effects that change nothing and note what a model passes through them."""

from collections import Counter
from dataclasses import dataclass, field

from cordsnet.dynamics.effects import Effects


@dataclass(frozen=True)
class Seen(Effects):
    calls: list = field(default_factory=list)

    def drive(self, area, drive):
        self.calls.append(("drive", area))
        return super().drive(area, drive)

    def rate(self, area, rate):
        self.calls.append(("rate", area))
        return super().rate(area, rate)

    def pathway(self, name, value):
        self.calls.append(("pathway", name))
        return super().pathway(name, value)

    def counts(self, kind):
        return Counter(name for what, name in self.calls if what == kind)
