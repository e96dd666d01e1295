"""Measurements: ratios against peers within one run, never an assertion in a test. `make bench` runs them."""
