"""Benchmarks: each prints ratios against a peer, or a hand-written C loop, measured in the same run."""
