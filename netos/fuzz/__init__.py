"""Fuzzing: mutated frames into a stack or a configuration in virtual time, watched by oracles; see docs/fuzz.md."""
