"""Capture files are read as scapy and the specifications read them, and believed in nothing they claim."""

import bz2
import gzip
import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.drivers.pcapfile import PcapReader, Record, open_capture
from netos.drivers.pcapwriter import PcapWriter
from netos.errors import DeviceError

PACKETS = [(1_700_000_000_123_456_789, b"first packet of all"), (1_700_000_001_000_000_001, b""),
           (5, bytes(range(200)))]


def classic(order="<", nano=False, modified=False, packets=PACKETS, link=1):
    magic = 0xA1B2CD34 if modified else 0xA1B23C4D if nano else 0xA1B2C3D4
    data = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, link)
    for time, packet in packets:
        data += struct.pack(order + "IIII", time // 10**9, time % 10**9 // (1 if nano else 1000), len(packet),
                            len(packet) + 3) + bytes(8 if modified else 0) + packet
    return data


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def section(order="<"):
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order="<", link=1, snaplen=0, options=b""):
    return block(order, 1, struct.pack(order + "HHI", link, 0, snaplen) + options)


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def enhanced(order, ticks, packet, number=0, length=None):
    return block(order, 6, struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(packet),
                                       len(packet) if length is None else length) + packet)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("nano", "modified"), [(False, False), (True, False), (False, True)])
def test_pcap_in_both_orders_and_all_resolutions(order, nano, modified):
    reader = PcapReader(classic(order, nano, modified))
    unit = 1 if nano else 1000
    assert list(reader) == [Record(time // unit * unit, 1, len(data) + 3, data) for time, data in PACKETS]
    assert (reader.format, reader.link_type, reader.nanoseconds, reader.snaplen) == ("pcap", 1, nano, 65535)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_blocks(order):
    seconds = struct.pack(order + "q", 7)
    data = (section(order) + interface(order, options=option(order, 9, b"\x09") + option(order, 14, seconds))
            + interface(order, 101, 10, options=option(order, 2, b"eth0") + option(order, 9, b"\x8a"))
            + block(order, 0x0BAD, b"something nobody knows")
            + enhanced(order, 3_000_000_005, b"nano", length=99)
            + enhanced(order, 3 * 1024 + 512, b"binary", 1)
            + block(order, 3, struct.pack(order + "I", 4) + b"simp")
            + block(order, 2, struct.pack(order + "HHIIII", 1, 0, 0, 2048, 3, 3) + b"old"))
    assert list(PcapReader(data)) == [
        Record(10_000_000_005, 1, 99, b"nano"), Record(3_500_000_000, 101, 6, b"binary"), Record(0, 1, 4, b"simp"),
        Record(2_000_000_000, 101, 3, b"old")]


def test_a_new_section_changes_the_order_and_forgets_the_interfaces():
    data = section("<") + interface("<") + enhanced("<", 1, b"a") + section(">") + interface(">", 101)
    assert [(record.link_type, record.data) for record in PcapReader(data + enhanced(">", 2, b"b"))] == [
        (1, b"a"), (101, b"b")]
    with pytest.raises(DeviceError, match="an interface that was not described at byte"):
        list(PcapReader(section() + interface() + section() + enhanced("<", 1, b"a")))


def test_a_simple_packet_is_cut_at_the_snapshot_length():
    data = section() + interface(snaplen=4) + block("<", 3, struct.pack("<I", 100) + b"four")
    assert list(PcapReader(data)) == [Record(0, 1, 100, b"four")]


def test_what_we_write_scapy_reads_and_we_read_again(tmp_path):
    utils = pytest.importorskip("scapy.utils")
    for nanoseconds in (False, True):
        path = str(tmp_path / f"{nanoseconds}.pcap")
        writer = PcapWriter(path, nanoseconds=nanoseconds, snaplen=100)
        for time, data in PACKETS:
            writer.append(data, time)
        writer.close()
        writer.close()
        unit = 1 if nanoseconds else 1000
        expected = [(time // unit * unit, data[:100], len(data)) for time, data in PACKETS]
        with utils.RawPcapReader(path) as reader:
            read = [(meta.sec * 10**9 + meta.usec * unit, data, meta.wirelen) for data, meta in reader]
        assert read == expected
        assert [(record.timestamp, record.data, record.length) for record in open_capture(path)] == expected


def test_scapys_pcapng_is_read(tmp_path):
    utils = pytest.importorskip("scapy.utils")
    path = str(tmp_path / "x.pcapng")
    with utils.RawPcapNgWriter(path) as writer:
        writer.linktype = 1
        writer.write_header(None)
        writer.write_packet(b"hello" * 9, sec=1_700_000_000, usec=0)
    record, = open_capture(path)
    assert (record.data, record.timestamp) == (b"hello" * 9, 1_700_000_000_000_000_000)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_compressed_files_are_unpacked(tmp_path, pack):
    path = tmp_path / "x"
    path.write_bytes(pack(classic()))
    assert len(list(open_capture(str(path)))) == 3
    path.write_bytes(pack(classic())[:-9])
    with pytest.raises(DeviceError, match="cannot unpack"):
        open_capture(str(path))


WRONG = {
    "it is empty": b"",
    "its magic number is neither": b"GIF89a" * 9,
    "cut off inside its file header": classic()[:20],
    "a record header is cut off at byte 24": classic()[:30],
    "a record is cut off at byte 24": classic()[:24 + 16 + 3],
    "a record claims more bytes than any capture has":
        classic(packets=[]) + struct.pack("<IIII", 0, 0, 1 << 31, 9) + bytes(99),
    "a section header is cut off": section()[:20],
    "a section header has no byte-order magic": section()[:8] + b"oops" + section()[12:],
    "a section is of a version other than 1": section()[:12] + b"\x02" + section()[13:],
    "a block has an impossible length": section() + struct.pack("<II", 1, 8) + bytes(20),
    "a block is cut off at byte 28": section() + interface()[:-1],
    "a block's two lengths differ": section() + interface()[:-4] + b"\x18\0\0\0",
    "an interface description is too short": section() + block("<", 1, b"1234"),
    "a packet block is too short": section() + interface() + block("<", 6, bytes(8)),
    "a packet claims more bytes than its block": section() + interface() + enhanced("<", 1, b"abcd")[:20]
        + struct.pack("<II", 5000, 5000) + b"abcd" + struct.pack("<I", 36),
}


@pytest.mark.parametrize("words", WRONG, ids=str)
def test_wrong_files_say_what_is_wrong_and_where(words, tmp_path):
    path = tmp_path / "wrong.pcap"
    path.write_bytes(WRONG[words])
    with pytest.raises(DeviceError, match=words) as error:
        open_capture(str(path)).check()
    assert "wrong.pcap" in str(error.value)


def test_the_packets_before_the_damage_are_read():
    reader = PcapReader(classic()[:-1])
    assert [next(reader).data, next(reader).data] == [PACKETS[0][1], PACKETS[1][1]]
    for _ in range(2):
        with pytest.raises(DeviceError, match="cut off"):
            next(reader)
    reader.rewind()
    assert next(reader).data == PACKETS[0][1]


def test_check_counts_and_leaves_the_reader_at_the_start():
    reader = PcapReader(classic())
    assert reader.check() == 3
    positions = []
    while True:
        positions.append(reader.position)
        if next(reader, None) is None:
            break
    reader.seek(positions[2])
    assert next(reader).data == PACKETS[2][1]


def test_no_interface_described_is_an_error_and_no_crash():
    with pytest.raises(DeviceError, match="an interface that was not described"):
        PcapReader(section() + enhanced("<", 1, b"x"))


@given(st.sampled_from([classic(), classic(">", True), section() + interface() + enhanced("<", 1, b"abcd") * 2,
                        section(">") + interface(">", options=option(">", 9, b"\x88")) + enhanced(">", 9, b"abcd")]),
       st.lists(st.tuples(st.integers(0, 400), st.one_of(st.integers(0, 255), st.just(255))), max_size=4),
       st.integers(0, 400))
def test_damage_is_an_error_or_other_packets_and_never_a_crash(data, changes, end):
    data = bytearray(data)
    for at, value in changes:
        data[at % len(data)] = value
    try:
        for record in PcapReader(bytes(data[:end])):
            assert len(record.data) <= record.length
    except DeviceError:
        pass


def test_a_file_that_is_not_there_or_not_writable_says_so(tmp_path):
    with pytest.raises(DeviceError, match=r"cannot read the capture file .*: No such file"):
        open_capture(str(tmp_path / "none"))
    with pytest.raises(DeviceError, match=r"cannot read the capture file .*: Is a directory"):
        open_capture(str(tmp_path))
    with pytest.raises(DeviceError, match="cannot write the capture file"):
        PcapWriter(str(tmp_path / "no" / "where"))


def test_a_full_disk_is_an_error_and_no_hang():
    writer = PcapWriter(os.open("/dev/full", os.O_WRONLY))
    with pytest.raises(OSError, match="No space left"):
        for _ in range(100):
            writer.append(bytes(60000))
    with pytest.raises(OSError, match="No space left"):
        writer.append(bytes(70000))
