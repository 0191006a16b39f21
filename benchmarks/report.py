"""What came out: a table of ratios, the targets held or missed, a JSON file and a chart."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from benchmarks.jobs import CREATE_SPEED_UP, FLAT, GROWTH, GZIP_DEFAULT, ITERATE_PEAK_MB, JOBS, SPEED_UP, Job
from dynkube.config import Config

if TYPE_CHECKING:
    from benchmarks.measuring import Results


def cells(results: Results, job: Job, clients: list[str]) -> list[str]:
    """Return a row: what is measured, the floor's median, each client's ratio to it and half the spread of its runs."""
    name, figure = job.measured, job.figure
    unit = " ms" if job.is_ratio else " x"
    floor = results.median(name, "floor", figure)
    shown = "-" if floor is None else f"{floor:.0f}{unit}" if floor >= 100 else f"{floor:.3g}{unit}"
    row = [job.title, shown]
    for client in clients[1:]:
        value = results.ratio(name, client, figure) if job.is_ratio else results.median(name, client, figure)
        spread = results.spread(name, client, figure)
        row.append("-" if value is None else f"{value:.2f}{'' if job.is_ratio else unit} ±{spread * 50:.0f}%")
    return row


def table(results: Results, jobs: list[Job], clients: list[str]) -> str:
    """Return the table in plain text."""
    rows = [["job", "floor", *clients[1:]], *(cells(results, job, clients) for job in jobs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
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
    floor = results.median("informer_growth", "floor", GROWTH)
    judge(
        f"informer, one config map of 50,000 over one of 5,000 (the floor's own: {floor or 0:.2f})",
        results.median("informer_growth", "dynkube", GROWTH),
        FLAT,
    )
    floor = results.median("create_8_storing", "floor", SPEED_UP)
    judge(
        f"create, 8 threads over 1, the server storing for 2 ms, rate (the floor's own: {floor or 0:.2f})",
        results.median("create_8_storing", "dynkube", SPEED_UP),
        CREATE_SPEED_UP,
        at_least=True,
    )
    settings = {name: results.median(name, "dynkube", "wall_ms") for name in ("list_pods_gzip", "list_pods_plain")}
    default = "list_pods_plain" if Config().disable_compression else "list_pods_gzip"
    times = [time for time in settings.values() if time is not None]
    if len(times) == len(settings):
        chosen = default.removeprefix("list_pods_")
        judge(
            f"list over 100 Mbit/s, the default ({chosen}) over the best setting",
            (settings[default] or 0.0) / min(times),
            GZIP_DEFAULT,
        )
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
    shown = [
        job
        for job in JOBS
        if job.is_ratio and not job.own and results.ratio(job.name, "dynkube", job.figure) is not None
    ]
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
