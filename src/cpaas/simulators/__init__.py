"""Carriers and customers that can be run, for the sandbox, tests and benchmarks."""
