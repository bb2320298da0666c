"""Records whose data is shorter than their type's are refused: the parser failed where a name was missing."""

import pytest

from netos.proto.wire import WireError
from netos.proto.wire.dns import Dns

HEADER = b"\0\1\x81\x80\0\0\0\1\0\0\0\0"


@pytest.mark.parametrize(("kind", "data"), [(15, b""), (33, b""),
                                             (15, b"\0\1"), (33, bytes(6)), (6, b"\0\0"), (6, b"")])
def test_data_that_lacks_a_part_is_refused(kind, data):
    record = b"\0" + kind.to_bytes(2, "big") + b"\0\1\0\0\0\0" + len(data).to_bytes(2, "big") + data
    with pytest.raises(WireError):
        Dns.parse(HEADER + record)
