"""The fuzzed stack: a seed says all, a journal is the round again, and the oracles hear of what they are there for."""

import mmap

import pytest

from netos.fuzz import templates
from netos.fuzz.journal import Journal
from netos.fuzz.stack_target import StackTarget

CORPUS = templates.corpus(scapy=False)
FRAMES = 4000


def journal(size=4 << 20):
    made = Journal(mmap.mmap(-1, size))
    made.clear()
    return made


def fuzzed(seed, **options):
    target = StackTarget(seed, journal(), CORPUS, **options)
    assert target.fuzz(FRAMES) is None
    return target


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_round_is_clean_and_ping_and_tcp_work_after_it(seed):
    target = fuzzed(seed, offload=bool(seed & 1))
    counters = target.counters
    assert target.finish() is None
    assert target.opened > 50                       # the peer opens again what the fuzz has killed
    assert target.reached > FRAMES // 5
    for name in ("tcp_out_of_window", "tcp_challenge_acks", "tcp_out_of_order", "ip_reassembled", "arp_conflicts",
                 "icmp_errors_sent", "udp_bad", "tcp_bad_checksum", "tcp_retransmitted", "tcp_active_opens"):
        assert counters[name], name                 # the fuzz gets there


def test_a_seed_says_all():
    first, second = fuzzed(7), fuzzed(7)
    assert first.journal.records() == second.journal.records()
    assert first.counters == second.counters
    assert first.journal.records() != fuzzed(8).journal.records()


@pytest.mark.parametrize("seed", [1, 3])
def test_a_replay_of_the_journal_is_the_same_again(seed):
    """Also where all of a batch's frames were dropped, and the batch therefore left no trace."""
    target = StackTarget(seed, journal(32 << 20), CORPUS)
    assert target.fuzz(20 * FRAMES) is None
    again = StackTarget(seed, journal(), CORPUS)
    assert again.replay(target.journal.records()) is None
    assert again.counters == target.counters
    assert (again.frames, again.reached, again.heard) == (target.frames, target.reached, target.heard)
    assert again.finish() is None


def test_a_full_journal_ends_a_round():
    target = StackTarget(1, journal(20000), CORPUS)
    assert target.fuzz(FRAMES) is None
    assert target.journal_full
    assert target.frames == len(target.journal) < FRAMES


def test_a_batch_that_takes_too_long_is_heard_of():
    target = StackTarget(1, journal(), CORPUS, budget=1)
    assert "too long" in target.fuzz(FRAMES)
    assert "too long" in target.finish()


def test_a_host_that_does_not_answer_is_heard_of():
    target = StackTarget(1, journal(), CORPUS)
    elsewhere = templates.arp(1, "10.0.0.1", "10.0.0.2", sender_ether=b"\2\0\0\0\0\7")
    assert target.replay([(2 * 10**9, 0, elsewhere)]) is None
    assert target.check_ping()
    assert target.check_tcp()
    target.readdress()                              # the host loses its address
    assert not target.check_ping()
    assert "pings" in target.verdict()


def test_a_station_that_sends_what_is_not_its_own_is_heard_of():
    target = StackTarget(1, journal(), CORPUS)
    target.readdress("10.0.0.77/24")                # which it announces
    assert "foreign IP address" in target.replay([(2 * 10**9, 0, templates.ping())])
