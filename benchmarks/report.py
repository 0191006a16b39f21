"""What came out: a table of ratios, the targets held or missed, a JSON file and a chart."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from benchmarks.jobs import CREATE_SPEED_UP, ITERATE_PEAK_MB, JOBS, Job

if TYPE_CHECKING:
    from benchmarks.measuring import Results


def table(results: Results, jobs: list[Job], clients: list[str]) -> str:
    """Return the table: the floor's median, then each client's ratio to it, with the spread of its runs."""
    header = ["job", "floor", *clients[1:]]
    rows = [header]
    for job in jobs:
        floor = results.median(job.name, "floor", job.figure)
        row = [job.title, "-" if floor is None else f"{floor:.3g} ms"]
        for client in clients[1:]:
            ratio = results.ratio(job.name, client, job.figure)
            spread = results.spread(job.name, client, job.figure)
            row.append("-" if ratio is None else f"{ratio:.2f} ±{spread * 50:.0f}%")
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def targets(results: Results, jobs: list[Job]) -> list[tuple[bool, str]]:
    """Return (held, sentence) for every promise that was measured."""
    judged: list[tuple[bool, str]] = []

    def judge(title: str, value: float | None, limit: float, *, at_least: bool = False, unit: str = "") -> None:
        if value is not None:
            held = value >= limit if at_least else value <= limit
            word = "at least" if at_least else "at most"
            judged.append((held, f"{title}: {value:.2f}{unit}, {word} {limit:g}{unit}"))

    for job in jobs:
        for target in job.targets:
            what = {"wall_ms": "time", "cpu_ms": "CPU", "peak_mb": "peak memory"}[target.figure]
            ratio = results.ratio(job.name, "dynkube", target.figure)
            judge(f"{job.title}, {what} over the floor's", ratio, target.at_most)
    judge(
        "5,000 pods, page by page, peak memory",
        results.median("iterate_pods", "dynkube", "peak_mb"),
        ITERATE_PEAK_MB,
        unit=" MB",
    )
    floor = results.median("create_8", "floor", "speed_up")
    judge(
        f"create, 8 threads over 1, rate (the floor's own: {floor or 0:.2f})",
        results.median("create_8", "dynkube", "speed_up"),
        CREATE_SPEED_UP,
        at_least=True,
    )
    plain, packed = (results.median(name, "dynkube", "wall_ms") for name in ("list_pods_plain", "list_pods_gzip"))
    if plain and packed:
        judge("list over 100 Mbit/s, the default (gzip) over the best setting", packed / min(plain, packed), 1.1)
    cached = results.ratio("cold_start_with_disk_cache", "dynkube", "wall_ms", "pykube-ng")
    judge("cold start with a disk cache over pykube-ng's", cached, 1.0)
    return judged


def chart(results: Results, clients: list[str]) -> str:
    """Return an SVG: for each job, one bar a client, as long as its ratio to the floor (logarithmic)."""
    import math

    colours = {
        "dynkube": "#2563eb",
        "lightkube": "#94a3b8",
        "pykube-ng": "#a8a29e",
        "kubernetes": "#78716c",
        "kr8s": "#57534e",
    }
    shown = [job for job in JOBS if not job.own and results.ratio(job.name, "dynkube", job.figure) is not None]
    others = [client for client in clients if client != "floor"]
    left, right, bar, gap = 330, 90, 13, 14
    width = 900
    longest = max((results.ratio(j.name, c, j.figure) or 1.0 for j in shown for c in others), default=1.0)
    scale = (width - left - right) / max(math.log10(max(longest, 1.1)) + 0.3, 0.1)
    lines: list[str] = []
    y = 46
    for job in shown:
        lines.append(
            f'<text x="{left - 12}" y="{y + bar * len(others) / 2 + 4}" text-anchor="end">{escape(job.title)}</text>'
        )
        for client in others:
            ratio = results.ratio(job.name, client, job.figure)
            if ratio is not None:
                length = max((math.log10(max(ratio, 0.5)) + 0.3) * scale, 2)
                colour = colours.get(client, "#999999")
                lines.append(
                    f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 2}" fill="{colour}"/>'
                    f'<text class="value" x="{left + length + 5:.1f}" y="{y + bar - 4}">{client} {ratio:.2f}</text>'
                )
            y += bar
        y += gap
    floor_x = left + 0.3 * scale
    style = "text{font:12px system-ui,sans-serif;fill:#1f2937}.value{font-size:10px}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" role="img" '
        f'aria-label="Ratios to the floor, http.client and json.loads">\n<style>{style}</style>\n'
        f'<rect width="{width}" height="{y}" fill="#ffffff"/>\n'
        f'<text x="{floor_x:.1f}" y="22" text-anchor="middle">floor = 1 (http.client + json.loads)</text>\n'
        f'<line x1="{floor_x:.1f}" y1="30" x2="{floor_x:.1f}" y2="{y - gap}" '
        'stroke="#dc2626" stroke-dasharray="4 3"/>\n' + "\n".join(lines) + "\n</svg>\n"
    )
