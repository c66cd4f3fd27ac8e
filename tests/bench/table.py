"""Figures as a table, and the machine they were measured on."""

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from tests.bench.measure import Figure


def machine() -> str:
    """The processor, its cores, the memory and the kernel, in one line."""
    model = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}"


def print_figures(figures: Iterable[Figure]) -> None:
    """One line a figure on stdout, as a Markdown table."""
    print(f"Machine: {machine()}\n")
    print("| what | value | ratio | against | target | met |")
    print("|---|---|---|---|---|---|")
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} ×"
        target = "" if figure.target is None else f"≥ {figure.target:g} ×"
        met = {None: "", True: "yes", False: "**no**"}[figure.met]
        print(f"| {figure.name} | {figure.value:,.3f} {figure.unit} | {ratio} | {figure.against} | {target} | {met} |")
