"""Did-you-mean: names close to one that does not exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable

MAX_GUESSES = 30
MAX_CANDIDATES = 3000


class Guesser:
    """Suggests names; it gives up after some guesses, because each is a slow search."""

    def __init__(self) -> None:
        self._left = MAX_GUESSES

    def suggest(self, name: str, candidates: Callable[[], Iterable[str]]) -> tuple[str, ...]:
        """Hints for a name that is not among the candidates: one or none."""
        if not self._left or not name or len(name) > 100:
            return ()
        self._left -= 1
        from difflib import get_close_matches

        by_fold: dict[str, str] = {}
        for candidate in candidates():
            if abs(len(candidate) - len(name)) <= max(3, len(name) // 2) and len(by_fold) < MAX_CANDIDATES:
                by_fold.setdefault(candidate.lower(), candidate)
        matches = get_close_matches(name.lower(), by_fold, n=3, cutoff=0.7)
        if not matches:
            return ()
        return ("did you mean " + " or ".join(f"'{by_fold[match]}'" for match in matches) + "?",)
