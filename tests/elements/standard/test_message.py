"""Message speaks while the configuration is read."""

import pytest

from netos.errors import ConfigError
from netos.router import Router


def test_a_message_goes_to_standard_error(capsys):
    with Router.from_text('Message("Hello, world")') as router:
        assert not list(router.diagnostics)
    assert capsys.readouterr().err == "Hello, world\n"


def test_a_warning_is_a_warning():
    with Router.from_text("Message(careful, WARNING)") as router:
        assert [(entry.severity, entry.message) for entry in router.diagnostics] == [("warning", "careful")]


@pytest.mark.parametrize(("text", "complaint"), [("Message(stop, error)", "stop"), ("Message(x, LOUD)", "'LOUD'")])
def test_an_error_refuses_the_configuration(text, complaint):
    with pytest.raises(ConfigError, match=complaint):
        Router.from_text(text)
