#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draws what bench/measure.py measured, each plot as SVG and as PNG.

usage: plots.py RESULTS_JSON FOLDER

Run by Debian's own Python, for which its package python3-matplotlib is.
"""
import statistics
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from report import BACKEND_TITLES, SIZES, scalings, size_name  # noqa: E402
from results import Results  # noqa: E402

# Told apart without colours too: a colour for each backend, a line and a marker for each way.
COLOURS = {"openssl": "#0072b2", "ipsec-mb": "#d55e00"}
TEXTBOOK_COLOUR = "#666666"
STYLES = {"pulseal": "o-", "floor": "s:", "textbook": "x--"}


def save(figure, folder, name):
    figure.tight_layout()
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    figure.savefig(folder / f"{name}.png", dpi=120)
    plt.close(figure)


def title_of(way, backend):
    return {"pulseal": f"Pulseal, {BACKEND_TITLES[backend]}", "floor": f"floor, {BACKEND_TITLES[backend]}", "textbook": "textbook"}[way]


def draw_ways(axes, measured, case, parameters, ways=("pulseal", "floor", "textbook")):
    """Medians as lines, quartiles as bands."""
    for way in ways:
        for backend in measured.backends() if way != "textbook" else ["openssl"]:
            names = {parameter: f"{case}/{way}/{backend}/{parameter}" for parameter in parameters}
            names = {parameter: name for parameter, name in names.items() if name in measured.results}
            if not names:
                continue
            colour = COLOURS[backend] if way != "textbook" else TEXTBOOK_COLOUR
            axes.plot(list(names), [measured.median(name) for name in names.values()], STYLES[way], color=colour,
                      markersize=4, label=title_of(way, backend))
            low, high = zip(*[measured.quartiles(name) for name in names.values()])
            axes.fill_between(list(names), low, high, color=colour, alpha=0.15, linewidth=0)
    axes.legend()
    axes.grid(True, which="major", alpha=0.3)


def draw_size(measured, folder, operation):
    figure, axes = plt.subplots(figsize=(8, 5))
    draw_ways(axes, measured, operation, SIZES)
    axes.set(xscale="log", yscale="log", xlabel="size of the message", ylabel="nanoseconds a message", title=f"{operation}ing one message")
    axes.set_xticks(SIZES, [size_name(size) for size in SIZES])
    axes.minorticks_off()
    save(figure, folder, operation)


def draw_recipients(measured, folder):
    figure, both = plt.subplots(1, 2, figsize=(10, 4.5), sharey=True)
    for axes, operation in zip(both, ("encrypt", "decrypt")):
        draw_ways(axes, measured, f"recipients-{operation}", [1, 2, 4, 8, 16, 32], ways=("pulseal", "textbook"))
        axes.set(yscale="log", xlabel="recipients", title=f"{operation}ing 1 KiB")
    both[0].set_ylabel("nanoseconds a message")
    save(figure, folder, "recipients")


def draw_threads(measured, folder):
    figure, both = plt.subplots(1, 2, figsize=(12, 4.5), sharey=True)
    sizes = [64, 256, 1024, 65536]
    lines = [(way, backend) for backend in measured.backends() for way in ("pulseal-shared", "pulseal-own", "floor")] + [("textbook", "openssl")]
    for axes, operation in zip(both, ("encrypt", "decrypt")):
        for place, (way, backend) in enumerate(lines):
            values = [statistics.median(scalings(measured, operation, way, backend, size) or [0]) for size in sizes]
            label = f"{way}, {BACKEND_TITLES[backend]}" if way != "textbook" else "textbook, shared"
            colour = COLOURS[backend] if way != "textbook" else TEXTBOOK_COLOUR
            axes.bar([i + (place - len(lines) / 2) * 0.8 / len(lines) for i in range(len(sizes))], values, 0.75 / len(lines), color=colour,
                     alpha={"pulseal-own": 0.6, "floor": 0.3}.get(way, 1), label=label)
        axes.axhline(1, color="black", linewidth=0.8)
        axes.set_xticks(range(len(sizes)), [size_name(size) for size in sizes])
        axes.set_title(f"{operation}: two threads over one")
    both[0].set_ylabel("messages in a second, times one thread's")
    both[1].legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    save(figure, folder, "threads")


def draw_rotation(measured, folder):
    figure, axes = plt.subplots(figsize=(10, 4.5))
    for name, slowest in sorted(measured.series.items()):
        _, way, backend, when = name.split("/")
        if when == "rotating":
            axes.plot(range(len(slowest)), [value or None for value in slowest], drawstyle="steps-post", linewidth=1, label=title_of(way, backend),
                      color=COLOURS[backend] if way == "pulseal" else TEXTBOOK_COLOUR)
    axes.set(yscale="log", xlabel="milliseconds; a rotation begins every 100, the key reader takes 50", ylabel="slowest message of the millisecond, ns",
             title="latency while the data key rotates, 1 KiB")
    axes.legend()
    axes.grid(True, alpha=0.3)
    save(figure, folder, "rotation")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    measured, folder = Results.load(Path(sys.argv[1])), Path(sys.argv[2])
    plt.rcParams["svg.hashsalt"] = "pulseal"  # the same file for the same figures
    folder.mkdir(parents=True, exist_ok=True)
    for operation in ("encrypt", "decrypt"):
        draw_size(measured, folder, operation)
    draw_recipients(measured, folder)
    draw_threads(measured, folder)
    draw_rotation(measured, folder)


if __name__ == "__main__":
    main()
