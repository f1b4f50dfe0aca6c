"""The results as an SVG, light or dark as the reader's system is."""

import math
from html import escape

import budgets

WIDTH = 960
MARGIN = 32
ROW = 22
FONT = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"

STYLE = f"""
  text {{ font: 13px {FONT}; fill: #1f2328; }}
  .title {{ font-size: 20px; font-weight: 600; }}
  .heading {{ font-size: 14px; font-weight: 600; }}
  .small, .axis {{ font-size: 11px; fill: #59636e; }}
  .page {{ fill: #ffffff; stroke: #d1d9e0; }}
  .grid {{ stroke: #d1d9e0; }}
  .limit {{ stroke: #cf222e; stroke-dasharray: 4 3; }}
  .limit-text {{ font-size: 11px; fill: #cf222e; }}
  .ours {{ fill: #0969da; stroke: #0969da; }}
  .other {{ fill: #9198a1; stroke: #9198a1; }}
  .line {{ fill: none; stroke-width: 2; }}
  @media (prefers-color-scheme: dark) {{
    text {{ fill: #f0f6fc; }}
    .small, .axis {{ fill: #9198a1; }}
    .page {{ fill: #0d1117; stroke: #3d444d; }}
    .grid {{ stroke: #3d444d; }}
    .limit {{ stroke: #f85149; }}
    .limit-text {{ fill: #f85149; }}
    .ours {{ fill: #4493f8; stroke: #4493f8; }}
    .other {{ fill: #656c76; stroke: #656c76; }}
  }}
"""


def svg(results):
    """The whole SVG."""
    allowed = budgets.ALLOWED[results["build"]["libc"]]
    drawing, y = head(results)
    for row in [
        [warm(results, allowed)],
        [counts(results, allowed), cold_and_many(results, allowed)],
        [growth_of_profiles(results), growth_of_tokens(results)],
    ]:
        drawing += [placed(parts, x, y) for (_, parts), x in zip(row, (MARGIN, WIDTH // 2 + 16))]
        y += max(height for height, _ in row) + 28
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}"',
            ' role="img">',
            f"<title>{escape(caption(results))}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{y - 1}" rx="8"/>',
            *drawing,
            "</svg>\n",
        ]
    )


def caption(results):
    """The title of the SVG, for screen readers."""
    ratio, cold = results["warm"]["get"]["ratio"], results["cold"]["ratio"]
    return f"ws1-token get takes {ratio:.2f} times as long as cat with a cached token, {cold:.2f} times curl without one"


def head(results):
    """Title, build and machine; returns also the y of the next part."""
    build, machine = results["build"], results["machine"]
    place = f"{machine['cores']} {'virtual ' if machine['virtual'] else ''}cores of {machine['processor']}"
    lines = [f"{build['version']} ({build['target']}) on {place}, Linux {machine['kernel']}, {results['date']}"]
    if results["quick"]:
        lines.append("Few runs (--quick): rough figures.")
    texts = [text(MARGIN, 44, "What a call of ws1-token costs", "title")]
    texts += [text(MARGIN, 66 + 16 * number, line, "small") for number, line in enumerate(lines)]
    return texts, 84 + 16 * len(lines)


def warm(results, allowed):
    """Times with a cached token, on a logarithmic axis."""
    times = {"cat of the cache entry": {"ratio": 1.0}} | results["warm"]
    rows = sorted(times.items(), key=lambda row: row[1]["ratio"])
    left, right = 250, WIDTH - 2 * MARGIN - 110
    low, high = math.log10(0.2), math.log10(max(10, max(row["ratio"] for _, row in rows)))
    x = lambda ratio: left + (right - left) * (math.log10(ratio) - low) / (high - low)
    parts = [text(0, 0, "Time with a cached token, as a multiple of cat (logarithmic)", "heading")]
    bottom, limit = 20 + ROW * len(rows), x(allowed["wall"])
    for ratio in (10**power for power in range(int(high) + 1)):
        parts += [line(x(ratio), 12, x(ratio), bottom), text(x(ratio), bottom + 14, f"{ratio:,}", "axis", "middle")]
    for number, (name, result) in enumerate(rows):
        ours = name in budgets.GUARD
        y = 20 + ROW * number
        label = f"ws1-token {name}" if ours else name
        parts.append(text(left - 10, y + 12, label, "", "end"))
        parts.append(rectangle(left, y, x(result["ratio"]) - left, "ours" if ours else "other"))
        parts.append(text(max(x(result["ratio"]), limit) + 6, y + 12, times_of(result), "small"))
    parts.append(line(limit, 12, limit, bottom, "limit"))
    parts.append(text(limit + 8, bottom + 14, f"budget {allowed['wall']}", "limit-text", "end"))
    if results["missing"]:
        absent = ", ".join(name.split(" ")[0] for name, why in results["missing"].items() if why == "not installed")
        parts.append(text(left, bottom + 32, f"Not installed here: {absent}", "small"))
    return bottom + 34, parts


def times_of(result):
    """A ratio with its time."""
    ratio = f"{result['ratio']:.2f}" if result["ratio"] < 10 else f"{result['ratio']:,.0f}"
    if "milliseconds" not in result:
        return ratio
    milliseconds = result["milliseconds"]
    return f"{ratio} ({milliseconds:.2f} ms)" if milliseconds < 10 else f"{ratio} ({milliseconds:,.0f} ms)"


def counts(results, allowed):
    """Counts as fractions of their budgets."""
    rows = []
    for kind in ("instructions", "system calls", "peak memory"):
        for name in budgets.GUARD:
            rows.append((f"{kind}, {name}", results["counts"][name].get(kind), allowed[kind]))
    cold_run = results["counts"]["get, cold"]
    rows.append(("instructions, cold", cold_run.get("instructions"), budgets.COLD_INSTRUCTIONS))
    rows.append(("peak memory, cold", cold_run.get("peak memory"), budgets.COLD_PEAK_MEMORY))
    rows.append(("binary, bytes", results["build"]["bytes"], budgets.BINARY_SIZE))
    left, full = 160, 190
    parts = [text(0, 0, "Counts, as fractions of their budgets", "heading")]
    rows = [row for row in rows if row[1] is not None]
    for number, (name, value, budget) in enumerate(rows):
        y = 20 + ROW * number
        parts.append(text(left - 10, y + 12, name, "", "end"))
        parts.append(rectangle(left, y, full * value / budget, "ours"))
        unit = " KiB" if "memory" in name else ""
        parts.append(text(left + full + 8, y + 12, f"{value:,}{unit}", "small"))
    bottom = 20 + ROW * len(rows)
    parts.append(line(left + full, 12, left + full, bottom, "limit"))
    parts.append(text(left + full, bottom + 14, "budget", "limit-text", "middle"))
    return bottom + 20, parts


def cold_and_many(results, allowed):
    """A token over TLS, and many processes at once."""
    cold, many = results["cold"], results["together"]
    parts = [text(0, 0, "A token over TLS on loopback, ms", "heading")]
    rows = [
        ("ws1-token get", cold["milliseconds"], "ours"),
        ("with a cache on disk", results["cold, on disk"]["milliseconds"], "ours"),
        ("curl, caches nothing", cold["yardstick milliseconds"], "other"),
    ]
    parts += bars(20, rows, lambda value: f"{value:.1f}")
    y = 20 + ROW * len(rows) + 14
    parts.append(text(0, y, f"{cold['ratio']:.2f} times curl; budget {allowed['cold wall']}", "small"))
    y += 34
    count = many["processes"]
    parts.append(text(0, y, f"{count} processes at once, per second", "heading"))
    rows = [("ws1-token get", many["warm per second"], "ours"), ("cat", many["cat per second"], "other")]
    parts += bars(y + 20, rows, lambda value: f"{value:,}")
    y += 20 + ROW * len(rows) + 14
    requests, late = many["cold token requests"], many["cold milliseconds above the delay"]
    summary = f"Without a token: {requests} request for all {count}, done {late} ms after the tenant's reply"
    parts.append(text(0, y, summary, "small"))
    return y + 8, parts


def bars(y, rows, shown):
    """Bars with their names; the longest has the full width."""
    left, full = 150, 190
    longest = max(value for _, value, _ in rows)
    parts = []
    for number, (name, value, kind) in enumerate(rows):
        at = y + ROW * number
        parts.append(text(left - 10, at + 12, name, "", "end"))
        parts.append(rectangle(left, at, full * value / longest, kind))
        parts.append(text(left + full * value / longest + 6, at + 12, shown(value), "small"))
    return parts


def growth_of_profiles(results):
    """The time of `get` with many profiles and entries."""
    points = [(int(count), each["ratio"]) for count, each in results["growth"]["profiles"].items()]
    limit = budgets.GROWTH
    return chart("Time by number of profiles and entries, one = 1", points, 10, limit, f"budget {limit:.0f}")


def growth_of_tokens(results):
    """The time of `get` with long tokens."""
    points = [(int(size), each["ratio"]) for size, each in results["growth"]["tokens"].items()]
    return chart("Time by size of the token in KiB, cat of the entry = 1", points, 2, 1.0, "cat")


def chart(title, points, base, limit, limit_name):
    """A line chart with a logarithmic x axis and a limit."""
    left, right, top, bottom = 36, 400, 20, 170
    highest = 1.1 * max([limit] + [y for _, y in points])
    last = math.log(points[-1][0], base)
    x = lambda value: left + (right - left) * math.log(value, base) / last
    y = lambda value: bottom - (bottom - top) * value / highest
    parts = [text(0, 0, title, "heading")]
    step = 1 if highest > 2 else 0.25
    for number in range(int(highest / step) + 1):
        at = y(number * step)
        parts += [line(left, at, right, at), text(left - 8, at + 4, f"{number * step:g}", "axis", "end")]
    parts += [line(left, y(limit), right, y(limit), "limit"), text(left + 4, y(limit) - 5, limit_name, "limit-text")]
    path = " ".join(f"{x(count):.1f},{y(ratio):.1f}" for count, ratio in points)
    parts.append(f'<polyline class="ours line" style="fill: none" points="{path}"/>')
    for count, ratio in points:
        parts.append(f'<circle class="ours" cx="{x(count):.1f}" cy="{y(ratio):.1f}" r="3.5"/>')
        parts.append(text(x(count), y(ratio) - 9, f"{ratio:.2f}", "small", "middle"))
        parts.append(text(x(count), bottom + 16, f"{count:,}", "axis", "middle"))
    return bottom + 24, parts


def placed(parts, x, y):
    """A group of parts, moved to (x, y)."""
    return f'<g transform="translate({x} {y})">\n' + "\n".join(parts) + "\n</g>"


def text(x, y, words, kind="", anchor="start"):
    """A text element."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x, y, to_x, to_y, kind="grid"):
    """A line element."""
    return f'<line class="{kind}" x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"/>'


def rectangle(x, y, width, kind):
    """A bar of a chart."""
    return f'<rect class="{kind}" x="{x:.1f}" y="{y + 1:.1f}" width="{max(width, 1):.1f}" height="{ROW - 8}" rx="2"/>'
