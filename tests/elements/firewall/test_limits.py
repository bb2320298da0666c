"""RateLimit, AddressSet and RuleSet: who passes, who does not, and how much is remembered."""

import pytest

scapy = pytest.importorskip("scapy.all")

from scapy.layers.inet import IP, TCP, UDP  # noqa: E402

from netos.errors import NetosError  # noqa: E402
from netos.testing.harness import ElementHarness, marked_ip, run_element  # noqa: E402


def udp(source, destination="192.0.2.1", count=1):
    return [marked_ip(bytes(IP(src=source, dst=destination) / UDP()))] * count


def sources(packet):
    return IP(bytes(packet)).src


def test_each_source_has_its_own_bucket():
    with ElementHarness("RateLimit", "10", "4", show=sources) as harness:
        harness.push(0, udp("10.0.0.1", count=9) + udp("10.0.0.2", count=3))
        assert [harness.outputs[0].count(f"10.0.0.{number}") for number in (1, 2)] == [4, 3]
        assert harness.drops == {"rate-limited": 5}
        harness.advance(0.25)
        harness.push(0, udp("10.0.0.1", count=9))
        assert harness.outputs[0].count("10.0.0.1") == 6
        harness.advance(60)
        harness.push(0, udp("10.0.0.1", count=9))
        assert harness.outputs[0].count("10.0.0.1") == 10


@pytest.mark.parametrize(("arguments", "passed"), [(["BY dst"], 2), (["BY all"], 2), (["PREFIX 24"], 2), ([], 4),
                                                   (["PREFIX 31"], 4)])
def test_whose_packets_are_counted_together(arguments, passed):
    push = udp("10.0.0.1", count=3) + udp("10.0.0.9", count=3)
    out, refused = run_element("RateLimit", "1", "2", *arguments, push=push, outputs=2, show=sources)
    assert (len(out), len(refused)) == (passed, 6 - passed)


def test_a_flood_of_sources_does_not_free_one_that_is_over_its_rate():
    """With room for few: whoever is deepest in debt stays remembered."""
    with ElementHarness("RateLimit", "1", "5", "CAPACITY 4", show=sources) as harness:
        harness.push(0, udp("10.0.0.1", count=50))
        for number in range(200):
            harness.push(0, udp(f"10.9.{number}.1"))
        harness.push(0, udp("10.0.0.1", count=50))
        assert harness.outputs[0].count("10.0.0.1") == 5
        assert len(harness.read("table").splitlines()) <= 4


def test_a_rate_can_be_changed_while_packets_flow():
    with ElementHarness("RateLimit", "1", "1", show=sources) as harness:
        harness.write("rate", "1000")
        harness.write("burst", "100")
        harness.push(0, udp("10.0.0.1", count=150))
        assert len(harness.outputs[0]) == 100
        assert (harness.read("passed"), harness.read("limited")) == ("100", "50")
        with pytest.raises(NetosError):
            harness.write("rate", "none")
        harness.write("reset")
        harness.push(0, udp("10.0.0.1"))
        assert len(harness.outputs[0]) == 101


def test_a_set_of_addresses(tmp_path):
    (tmp_path / "bad").write_text("10.0.0.0/8   # private\n\n192.0.2.66\n")
    with ElementHarness("AddressSet", "172.16.0.0/12", f'FILE "{tmp_path}/bad"', outputs=2, show=sources) as harness:
        harness.push(0, udp("10.1.2.3") + udp("192.0.2.66") + udp("192.0.2.67") + udp("172.20.0.1"))
        assert harness.outputs == [["10.1.2.3", "192.0.2.66", "172.20.0.1"], ["192.0.2.67"]]
        assert [harness.read("lookup", address) for address in ("10.9.9.9", "11.0.0.1")] == ["true", "false"]
        harness.write("add", "192.0.2.67/32")
        harness.write("remove", "10.0.0.0/8")
        assert harness.read("count") == "3"
        harness.push(0, udp("10.1.2.3") + udp("192.0.2.67"))
        assert harness.outputs[0][3:] == ["192.0.2.67"]
        for handler, text in (("remove", "10.0.0.0/8"), ("add", "nonsense"), ("load", f'"{tmp_path}/none"')):
            with pytest.raises(NetosError):
                harness.write(handler, text)


def test_a_set_looks_at_the_addresses_it_is_told_to():
    push = udp("10.0.0.1", "192.0.2.1") + udp("192.0.2.1", "10.0.0.1")
    for by, count in (("src", 1), ("dst", 1), ("any", 2)):
        assert len(run_element("AddressSet", "10.0.0.0/8", f"BY {by}", push=push, outputs=2)[0]) == count


def test_rules_from_a_file(tmp_path):
    rules = tmp_path / "rules"
    rules.write_text("# what may pass\nallow tcp dst port 80\n1 src net 10.0.0.0/8 and not tcp\ndrop all # the rest\n")
    tcp = [marked_ip(bytes(IP(src="10.0.0.1", dst="192.0.2.1") / TCP(dport=port))) for port in (80, 81)]
    with ElementHarness("RuleSet", f'"{rules}"', outputs=2) as harness:
        harness.push(0, tcp + udp("10.0.0.1") + udp("11.0.0.1"))
        assert [len(out) for out in harness.outputs] == [1, 1]
        assert harness.drops == {"filtered": 2}
        assert harness.read("count") == "3"
        rules.write_text("allow tcp\nallow nonsense\n")
        with pytest.raises(NetosError, match="rules:2"):
            harness.write("load", f'"{rules}"')
        harness.push(0, tcp)
        assert [len(out) for out in harness.outputs] == [2, 1]
        rules.write_text("allow tcp\n")
        harness.write("load", f'"{rules}"')
        harness.push(0, tcp)
        assert [len(out) for out in harness.outputs] == [4, 1]
