"""EtherEncap, EtherMirror, EtherRewrite and HostEtherFilter: headers put on, exchanged, replaced and judged."""

from __future__ import annotations

from typing import Any

import pytest

from netos.errors import ConfigError, HandlerError
from netos.testing.harness import ElementHarness, run_element

A, B, C = "00:00:C0:AE:67:EF", "00:00:C0:4F:71:EF", "02:00:00:00:00:0C"
A_BYTES, B_BYTES, C_BYTES = (bytes.fromhex(address.replace(":", "")) for address in (A, B, C))
BROADCAST, MULTICAST = b"\xff" * 6, bytes.fromhex("01005e000001")
HEADER = B_BYTES + A_BYTES + b"\x08\x00"


def frame(destination: bytes, source: bytes, payload: bytes = b"payload") -> bytes:
    return destination + source + b"\x08\x00" + payload


def test_etherencap_prepends_the_header() -> None:
    assert run_element("EtherEncap", "0x0800", A, B, push=[b"", b"x", b"y" * 1500]) == [
        [HEADER, HEADER + b"x", HEADER + b"y" * 1500]]


def test_etherencap_finds_room_where_there_is_no_headroom() -> None:
    def tight(router: Any) -> Any:
        return router.cpu.packet(b"z" * 100, 0)

    assert run_element("EtherEncap", "0x0800", A, B, push=[tight]) == [[HEADER + b"z" * 100]]


def test_etherencap_leaves_a_clone_alone() -> None:
    with ElementHarness("EtherEncap", "0x0800", A, B) as harness:
        original = harness.router.packet(b"shared")
        copy = original.clone()
        harness.element.push(0, [original])
        assert harness.outputs == [[HEADER + b"shared"]]
        assert bytes(copy) == b"shared"
        copy.kill()


def test_etherencap_handlers_change_the_header_and_the_configuration() -> None:
    with ElementHarness("EtherEncap", "0x0800", A, B) as harness:
        assert [harness.read(name) for name in ("ethertype", "etht", "src", "dst")] == [
            "2048", "2048", A.replace(":", "-"), B.replace(":", "-")]
        harness.write("src", C)
        harness.write("etht", "0x86DD")
        harness.push(0, [b"x"])
        assert harness.outputs == [[B_BYTES + C_BYTES + b"\x86\xddx"]]
        assert harness.read("config") == f"0x86DD, {C}, {B}".replace(":", "-")
        with pytest.raises(HandlerError):
            harness.write("dst", "nonsense")
        harness.write("dst", C)
        assert harness.read("dst") == C.replace(":", "-")


@pytest.mark.parametrize("arguments", [("0x0800", A), ("0x10000", A, B), ("0x0800", A, "1:2:3"), ("0x0800", A, B, B)])
def test_etherencap_refuses_bad_arguments(arguments: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError):
        ElementHarness("EtherEncap", *arguments)


def test_ethermirror_exchanges_addresses_and_drops_runts() -> None:
    outputs = run_element("EtherMirror", push=[frame(A_BYTES, B_BYTES), b"runt of 13 by", frame(B_BYTES, A_BYTES, b"")],
                          drops={"truncated": 1})
    assert outputs == [[frame(B_BYTES, A_BYTES), frame(A_BYTES, B_BYTES, b"")]]


@pytest.mark.parametrize("element", [("EtherMirror",), ("EtherRewrite", A, B)])
def test_writers_leave_a_clone_alone(element: tuple[str, ...]) -> None:
    data = frame(C_BYTES, B_BYTES)
    with ElementHarness(*element) as harness:
        original = harness.router.packet(data)
        copy = original.clone()
        harness.element.push(0, [original])
        assert harness.outputs[0] != [data]
        assert bytes(copy) == data
        copy.kill()


def test_etherrewrite_sets_both_addresses() -> None:
    assert run_element("EtherRewrite", A, B, push=[frame(C_BYTES, C_BYTES), b"runt"], drops={"truncated": 1}) == [
        [frame(B_BYTES, A_BYTES)]]


def test_etherrewrite_handlers() -> None:
    with ElementHarness("EtherRewrite", A, B) as harness:
        harness.write("dst", C)
        harness.push(0, [frame(A_BYTES, A_BYTES)])
        assert harness.outputs == [[frame(C_BYTES, A_BYTES)]]
        assert (harness.read("src"), harness.read("dst")) == (A.replace(":", "-"), C.replace(":", "-"))


def kind(packet: Any) -> tuple[bytes, int]:
    return bytes(packet[:6] if hasattr(packet, "__getitem__") else bytes(packet)[:6]), packet.packet_type


FRAMES = [frame(A_BYTES, B_BYTES), frame(C_BYTES, B_BYTES), frame(BROADCAST, B_BYTES), frame(MULTICAST, B_BYTES),
          frame(B_BYTES, A_BYTES), frame(BROADCAST, A_BYTES), b"a runt"]


def test_hostetherfilter_keeps_what_is_for_the_host() -> None:
    outputs = run_element("HostEtherFilter", A, push=FRAMES, show=kind, drops={"other-host": 2, "truncated": 1})
    assert outputs == [[(A_BYTES, 0), (BROADCAST, 1), (MULTICAST, 2), (BROADCAST, 1)]]


def test_hostetherfilter_sends_the_rest_to_output_1() -> None:
    outputs = run_element("HostEtherFilter", A, "true", push=FRAMES, outputs=2, drops={})
    assert outputs == [[FRAMES[0], FRAMES[2], FRAMES[3]], [FRAMES[1], FRAMES[4], FRAMES[5], FRAMES[6]]]


def test_hostetherfilter_may_let_others_through_marked() -> None:
    outputs = run_element("HostEtherFilter", A, "DROP_OTHER false", "DROP_OWN true", push=FRAMES, show=kind,
                          drops={"own": 2, "truncated": 1})
    assert outputs == [[(A_BYTES, 0), (C_BYTES, 3), (BROADCAST, 1), (MULTICAST, 2)]]


def test_hostetherfilter_offset_and_its_edge() -> None:
    shifted = [b"ab" + FRAMES[0], b"ab" + FRAMES[1], b"ab" + FRAMES[0][:14], b"ab" + FRAMES[0][:13]]
    assert run_element("HostEtherFilter", A, "OFFSET 2", push=shifted, drops={"other-host": 1, "truncated": 1}) == [
        [shifted[0], shifted[2]]]


def test_hostetherfilter_can_become_another_host() -> None:
    with ElementHarness("HostEtherFilter", A, "OFFSET 0") as harness:
        harness.write("ether", C)
        harness.push(0, FRAMES[:2])
        assert harness.outputs == [[FRAMES[1]]]
        assert harness.read("ether") == C.replace(":", "-")
