# SPDX-License-Identifier: Apache-2.0
"""What a run of the benchmarks measured, as bench/measure.py writes it and report.py, plots.py and compare read it.

    machine   what it ran on, name to text
    options   how it was run, name to value
    results   name to {"ns": [a value for each repetition], counter: [...], ...}; names are CASE/WAY/BACKEND/PARAMETER
    series    name to [slowest message in ns for each millisecond]
    warm_path name to {"messages", "allocations", "locks", "system_calls"}
"""
import json
import statistics


class Results:
    def __init__(self):
        self.machine, self.options, self.results, self.series, self.warm_path = {}, {}, {}, {}, {}

    @staticmethod
    def load(path):
        loaded = Results()
        loaded.__dict__.update(json.loads(path.read_text()))
        return loaded

    def save(self, path):
        """One line for each result, so that two runs can be read side by side."""
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = []
        for member, value in vars(self).items():
            lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value[key])}" for key in sorted(value))
            parts.append(f"{json.dumps(member)}: {{\n{lines}\n}}")
        path.write_text("{\n" + ",\n".join(parts) + "\n}\n")

    def add(self, name, values):
        """Values of one repetition."""
        lists = self.results.setdefault(name, {})
        for key, value in values.items():
            lists.setdefault(key, []).append(float(f"{value:.6g}"))

    def median(self, name, counter="ns"):
        """None where there is no such result."""
        values = self.results.get(name, {}).get(counter)
        return statistics.median(values) if values else None

    def quartiles(self, name, counter="ns"):
        values = self.results[name][counter]
        if len(values) < 2:
            return values[0], values[0]
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return low, high

    def ratio(self, name, under, counter="ns"):
        """Of the medians. None where there is no such result."""
        above, below = self.median(name, counter), self.median(under, counter)
        return above / below if above is not None and below else None

    def paired_ratio(self, name, under):
        """Of two ways that were measured in turn: the median of the repetitions' ratios, each taken within a fraction of a second."""
        ratios = self.paired_ratios(name, under)
        return statistics.median(ratios) if ratios else None

    def paired_ratios(self, name, under):
        """For each repetition; empty where the two were not measured as often."""
        above, below = (self.results.get(result, {}).get("ns", []) for result in (name, under))
        return [a / b for a, b in zip(above, below)] if len(above) == len(below) else []

    def backends(self):
        ours = {name.split("/")[2] for name in self.results if "/pulseal" in name}
        return [backend for backend in ("openssl", "ipsec-mb") if backend in ours]

    def clients(self):
        return sorted({name.split("/")[1] for name in self.results if name.startswith("clients-")} - {"pulseal"})
