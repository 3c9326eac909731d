"""Benchmarks: ``python -m tests.bench [TOPIC ...] [--quick] [--databases sqlite|postgresql]``.

A topic is a file here with ``run(report)``. Figures are medians on the machine at hand: compare ratios, and runs on one machine.
"""
