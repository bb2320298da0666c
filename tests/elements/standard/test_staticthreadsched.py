"""StaticThreadSched gives elements home threads, complains as Click does, and means compound elements, too."""

import pytest

from netos.errors import ConfigError
from netos.kernel.threads import Threads
from netos.router import Router

SOURCES = "a :: InfiniteSource -> Discard; b :: InfiniteSource -> Discard; "


def homes(text, count):
    with Router.from_text(text, threads=Threads(count) if count > 1 else None) as router:
        return router.homes, [str(entry.message) for entry in router.diagnostics]


def test_homes_are_given_and_the_last_word_counts():
    assert homes(SOURCES + "StaticThreadSched(a 1, b 2); StaticThreadSched(b 1);", 3) == ({"a": 1, "b": 1}, [])


def test_a_compound_element_stands_for_all_in_it():
    text = "c :: { s :: InfiniteSource -> d :: Discard; }; StaticThreadSched(c 1);"
    found, _ = homes(text, 2)
    assert found["c/s"] == found["c/d"] == 1


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("thread", [-1, 2])
def test_a_thread_that_does_not_run_is_a_warning_and_means_thread_0(count, thread):
    """A configuration for more threads runs with fewer, as in Click."""
    found, said = homes(f"{SOURCES} StaticThreadSched(a {thread});", count)
    assert found == {"a": 0}
    assert len(said) == 1
    assert f"thread preference {thread} out of range" in said[0]


@pytest.mark.parametrize(("arguments", "message"), [
    ("c 1", "'c' does not name an element"), ("a", "expected ELEMENT THREAD"), ("a 1 2", "expected ELEMENT THREAD"),
    ("a b", "b"),
])
def test_what_is_wrong_is_an_error(arguments, message):
    with pytest.raises(ConfigError, match=message):
        homes(f"{SOURCES} StaticThreadSched({arguments});", 2)
