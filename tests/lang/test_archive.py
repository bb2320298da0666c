"""Archives: a file that starts with '!' is an ar archive whose member `config` is the configuration."""

import pytest

from netos.lang.archive import ArchiveError, configuration_text, read_members


def member(name: bytes, content: bytes) -> bytes:
    """One member of an archive."""
    size = str(len(content)).encode()
    header = name.ljust(16) + b"0".ljust(12) + b"0".ljust(6) * 2 + b"644".ljust(8) + size.ljust(10)
    return header + b"`\n" + content + b"\n" * (len(content) % 2)


def archive(*members: bytes) -> bytes:
    """An archive."""
    return b"!<arch>\n" + b"".join(members)


def test_plain_text_is_its_own_configuration_byte_for_byte() -> None:
    assert configuration_text(bytes(range(34, 256))) == "".join(map(chr, range(34, 256)))
    assert configuration_text(b"") == ""


def test_the_member_named_config_is_the_configuration() -> None:
    assert configuration_text(archive(member(b"odd", b"x"), member(b"config", b"Idle;"))) == "Idle;"
    assert configuration_text(archive(member(b"config/", b"Idle;"))) == "Idle;"


def test_long_names() -> None:
    gnu = archive(member(b"//", b"a_very_long_member_name/\n"), member(b"/0", b"1"))
    assert read_members(gnu) == {"a_very_long_member_name": b"1"}
    assert read_members(archive(member(b"#1/20", b"config".ljust(20, b"\0") + b"Idle"))) == {"config": b"Idle"}


@pytest.mark.parametrize("data", [
    b"!", b"!<arch>\nshort", archive(member(b"other", b"x")), archive(member(b"config", b"Idle;"))[:-3],
    archive(member(b"config", b"x").replace(b"`", b"'")), archive(b" " * 58 + b"`\n"),
])
def test_damaged_archives_are_refused(data: bytes) -> None:
    with pytest.raises(ArchiveError):
        configuration_text(data)
