"""The argument of COUNT_CALL: `N HANDLER [VALUE]`, call a handler once a count reaches N."""

from __future__ import annotations

from netos.args import EMPTY_SCOPE, ArgumentType, HandlerCall, HandlerReference, Scope, Unsigned64
from netos.lang.quoting import shift_word


class CountCall(ArgumentType[tuple[int, HandlerReference]]):
    """A count and the handler call it brings about."""

    name = "count and handler call"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> tuple[int, HandlerReference]:
        count, call = shift_word(text)
        return Unsigned64().parse(count, scope), HandlerCall().parse(call, scope)
