"""The results as a text table."""

import budgets


def text(results):
    """The whole table."""
    allowed = budgets.ALLOWED[results["build"]["libc"]]
    parts = [
        head(results),
        warm(results, allowed),
        counts(results, allowed),
        cold(results, allowed),
        together(results["together"]),
        growth(results["growth"]),
    ]
    return "\n\n".join(parts) + "\n"


def head(results):
    """Build and machine."""
    build, machine = results["build"], results["machine"]
    kind = "virtual, " if machine["virtual"] else ""
    lines = [
        f"{build['version']}, {build['target']}, {build['rustc']}",
        f"{machine['cores']} cores of {machine['processor']} ({kind}{machine['memory GiB']} GiB), {machine['system']}, "
        f"Linux {machine['kernel']}, load {machine['load']}, {results['date']}",
    ]
    if results["quick"]:
        lines.append("FEW RUNS (--quick): rough figures.")
    return "\n".join(lines)


def warm(results, allowed):
    """Times with a cached token."""
    title = f"A cached token of {results['token']} bytes: time against `LC_ALL=C cat` of its cache entry (1.00)"
    rows = [("", "ratio", "quartiles", "ms", "pairs", "budget")]
    ours = budgets.GUARD
    for name, result in results["warm"].items():
        budget = f"{allowed['wall']:.2f}" if name in ours else ""
        shown = f"ws1-token {name}" if name in ours else name
        rows.append((shown, *compared(result), budget))
    rows += [(name, why) for name, why in results["missing"].items()]
    return titled(title, rows)


def compared(result):
    """The cells of a comparison."""
    low, high = result["quartiles"]
    return f"{result['ratio']:.2f}", f"{low:.2f}-{high:.2f}", f"{result['milliseconds']:.3f}", str(result["pairs"])


def counts(results, allowed):
    """Counts, with their budgets."""
    rows = [("", "instructions", "budget", "system calls", "budget", "peak KiB", "budget")]
    for name, result in results["counts"].items():
        limits = {kind: allowed[kind] for kind in ("instructions", "system calls", "peak memory")}
        if name == "get, cold":
            limits = {"instructions": budgets.COLD_INSTRUCTIONS, "peak memory": budgets.COLD_PEAK_MEMORY}
        elif name not in budgets.GUARD:
            limits = {}
        cells = []
        for kind in ("instructions", "system calls", "peak memory"):
            cells += [number(result.get(kind)), number(limits.get(kind), "")]
        rows.append((f"ws1-token {name}" if limits else name, *cells))
    size = number(results["build"]["bytes"])
    return titled("Counts", rows) + f"\nBinary: {size} bytes, budget {number(budgets.BINARY_SIZE)}"


def cold(results, allowed):
    """A token over TLS."""
    curl = f"{results['cold']['yardstick milliseconds']:.3f}"
    rows = [("", "ratio", "quartiles", "ms", "pairs", "budget")]
    rows.append(("ws1-token get, cache in memory", *compared(results["cold"]), f"{allowed['cold wall']:.2f}"))
    rows.append(("ws1-token get, cache on this disk", *compared(results["cold, on disk"]), ""))
    rows.append(("curl, caches nothing", "1.00", "", curl, "", ""))
    return titled("A token over TLS on loopback: time against `curl --cacert` doing the same", rows)


def together(result):
    """Many processes at once."""
    count = result["processes"]
    return (
        f"{count} processes at once, cached: {number(result['warm per second'])} per second, "
        f"cat {number(result['cat per second'])}\n"
        f"{count} processes at once, no token: {result['cold token requests']} token request, all done "
        f"{result['cold milliseconds above the delay']} ms after the tenant's {result['delay']} ms, "
        f"budget {budgets.TOGETHER * 1000:.0f} ms"
    )


def growth(result):
    """Times by number of profiles and by size of the token."""
    profiles = [("profiles, entries", "time against one", "quartiles", "instructions", "budget")]
    for count, each in result["profiles"].items():
        ratio, quartiles, _, _ = compared(each)
        budget = f"{budgets.GROWTH:.2f}" if count == "1000" else ""
        profiles.append((count, ratio, quartiles, number(each.get("instructions")), budget))
    tokens = [("token, KiB", "time against cat", "quartiles", "instructions")]
    for size, each in result["tokens"].items():
        ratio, quartiles, _, _ = compared(each)
        tokens.append((size, ratio, quartiles, number(each.get("instructions"))))
    return titled("Growth", profiles) + "\n" + titled("", tokens)


def number(value, nothing="-"):
    """A number with thousands separators."""
    return nothing if value is None else f"{value:,}"


def titled(title, rows):
    """Rows in aligned columns under a title."""
    whole = [row for row in rows if len(row) == len(rows[0])]
    widths = [max(len(cell) for cell in column) for column in zip(*whole)]
    lines = [title] if title else []
    for row in rows:
        first, *others = row
        cells = [first.ljust(max(widths[0], 36))]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:])] if row in whole else others
        lines.append(("  " + "  ".join(cells)).rstrip())
    return "\n".join(lines)
