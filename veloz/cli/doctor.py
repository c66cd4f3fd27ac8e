"""`veloz doctor`: is this machine fit for it."""

import argparse
import os
import platform
import resource
import stat
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from veloz.cli.main import add_common
from veloz.cli.outcome import EXIT_FAILED_CHECK, EXIT_OK, print_json
from veloz.cli.place import add_journal

Finding = tuple[bool, str]
PYTHON_MIN = (3, 11)
FILES_MIN = 256
MEMORY_MIN_BYTES = 1 << 30
SANE_YEAR_NS = 1_704_067_200 * 10**9  # 2024-01-01: an unset clock shows 1970
LIBRARIES = ("lmdb", "msgspec", "numpy", "numba", "xxhash", "blake3")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Words after `veloz doctor`."""
    add_journal(parser)
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Make every check and print what each found."""
    from veloz.daemon.config import read_settings

    settings = read_settings(args.set)
    path = Path(args.journal) if args.journal else settings.path("journal.dir")
    checks = list(_checks(path, settings.path("data_dir"), int(settings.value("journal.map_size_bytes"))))
    checks += [{"name": "environment", "ok": False, "detail": warning} for warning in settings.warnings]
    if args.json:
        print_json({"checks": checks, "ok": all(check["ok"] for check in checks)})
    else:
        _print_checks(checks)
    return EXIT_OK if all(check["ok"] for check in checks) else EXIT_FAILED_CHECK


def _checks(path: Path, data: Path, map_size_bytes: int) -> Iterator[dict[str, object]]:
    place = _existing(path)
    named: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("python", _check_python),
        ("versions", _check_versions),
        ("machine", _check_machine),
        ("address space", lambda: _check_address_space(map_size_bytes)),
        ("open files", _check_files),
        ("clock", _check_clock),
        ("file system", lambda: _check_filesystem(place)),
        ("disk space", lambda: _check_space(place)),
        ("disk sync", lambda: _check_sync(place)),
        ("compiled kernels", _check_kernels),
        ("keys", lambda: _check_keys(data)),
    )
    for name, check in named:
        try:
            ok, detail = check()
        except OSError as error:
            ok, detail = False, f"could not be looked at: {error}"
        yield {"name": name, "ok": ok, "detail": detail}


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _check_python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return sys.version_info >= PYTHON_MIN and __debug__, f"{platform.python_implementation()} {version}"


def _check_versions() -> Finding:
    return True, ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)


def _check_machine() -> Finding:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    ok = pages * size >= MEMORY_MIN_BYTES and sys.byteorder == "little"
    return ok, f"{platform.machine()}, {os.cpu_count()} cores, {pages * size / 2**30:.1f} GiB, {sys.byteorder}-endian"


def _check_address_space(map_size_bytes: int) -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return True, "unlimited"
    ok = soft > map_size_bytes
    return ok, f"limited to {soft / 2**30:.0f} GiB" + ("" if ok else "; raise it, or lower journal.map_size_bytes")


def _check_files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft >= FILES_MIN, f"{soft} may be open"


def _check_clock() -> Finding:
    now = time.time_ns()
    steps = [time.time_ns() for _ in range(1000)]
    ok = now > SANE_YEAR_NS and steps == sorted(steps)
    return ok, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now // 10**9)) + ("" if ok else "; set the clock")


def _check_filesystem(place: Path) -> Finding:
    from journal.space import probe_filesystem

    found = probe_filesystem(place)
    return found.safe, f"{found.name} at {place}" + (f": {found.reason}" if found.reason else "")


def _check_space(place: Path) -> Finding:
    from journal.space import Level, measure_space

    space = measure_space(place)
    detail = f"{space.free_bytes / 2**30:.1f} GiB of {space.total_bytes / 2**30:.1f} GiB free"
    return space.level is Level.OK, detail


def _check_sync(place: Path) -> Finding:
    from journal.space import probe_sync

    probe = probe_sync(place)
    return probe.honest, probe.reason


def _check_kernels() -> Finding:
    from veloz.engine.warm import warm, warm_trading

    begun = time.perf_counter()
    warm()
    warm_trading()
    return True, f"ready in {time.perf_counter() - begun:.2f} s"


def _check_keys(data: Path) -> Finding:
    folder = data / "keys"
    if not folder.is_dir():
        return True, "none kept"
    loose = [p.name for p in folder.iterdir() if stat.S_IMODE(p.stat().st_mode) & 0o077]
    return not loose, f"readable by others: {', '.join(loose)}; chmod 0400 them" if loose else "readable by you alone"


def _print_checks(checks: list[dict[str, object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False)
    for check in checks:
        mark = "[green]✓[/green]" if check["ok"] else "[red]✗[/red]"
        table.add_row(mark, str(check["name"]), str(check["detail"]))
    Console().print(table)
