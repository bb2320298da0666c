"""Names for numbers and addresses: a database a compound element, searched outward (Click's NameInfo).

Kinds are words: addresses `ip`, `ipnet`, `ip6`, `ip6net`, `eth`, `gw` (AddressInfo); ports `tcp port`, `udp port`
(PortInfo, /etc/services); and the fixed ones of `netos.args.wellknown`. Elements may add kinds of their own.
"""

from __future__ import annotations

from netos.args.scope import outward
from netos.args.wellknown import well_known


class NameDatabase:
    """All the names a configuration defines, by kind and by full name (`compound/name`)."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, object]] = {}

    def define(self, kind: str, name: str, value: object, compound: str = "") -> None:
        """Let `name` mean `value` inside a compound element (the whole configuration by default).

        A later definition of the same name replaces the earlier one.
        """
        self._kinds.setdefault(kind, {})[f"{compound}/{name}" if compound else name] = value

    def lookup(self, kind: str, name: str, compound: str = "") -> object | None:
        """What `name` means inside a compound element: its innermost definition, else what is well known."""
        names = self._kinds.get(kind)
        if names:
            for full_name in outward(compound, name):
                if full_name in names:
                    return names[full_name]
        return well_known(kind, name)

    def names(self, kind: str) -> dict[str, object]:
        """The configuration's own names of a kind, full name to value."""
        return dict(self._kinds.get(kind, {}))
