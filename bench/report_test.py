#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests report.py and results.py on made-up figures."""
import re
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import report  # noqa: E402
from results import Results  # noqa: E402


def made_up(**ns):
    """Results of one backend: names with __ for / and - for nothing else, to their values."""
    measured = Results()
    measured.options = {"rounds": 1, "repetitions": 3, "seconds": 0.1, "program_mib": 64, "quick": False}
    for name, values in ns.items():
        for value in values:
            measured.add(name.replace("__", "/"), {"ns": value})
    return measured


class FigureTest(unittest.TestCase):
    def test_bounds_are_kept_where_they_are_reached(self):
        for value, verdict in ((1.0, "aim"), (1.25, "aim"), (1.26, "must"), (1.5, "must"), (1.51, "**missed**"), (None, "not measured")):
            self.assertEqual(report.Figure("f", value, must=1.5, aim=1.25).verdict(), verdict, value)

    def test_figures_that_should_be_large(self):
        for value, verdict in ((0.89, "**missed**"), (0.9, "must"), (1.0, "aim")):
            self.assertEqual(report.Figure("f", value, must=0.9, aim=1.0, at_least=True).verdict(), verdict, value)

    def test_without_a_must_nothing_is_missed(self):
        self.assertEqual(report.Figure("f", 100, aim=1).verdict(), "reported")

    def test_row(self):
        self.assertEqual(report.Figure("f", 1.234, must=1.5, aim=1.25).row(), ["f", "≤ 1.5", "≤ 1.25", "1.23", "aim"])
        self.assertEqual(report.Figure("f", None, aim=8, at_least=True).row(), ["f", "reported", "≥ 8", "", "not measured"])


class ReportTest(unittest.TestCase):
    def figure(self, measured, text):
        return next(figure for figure in report.figures(measured) if figure.text == text)

    def test_over_the_floor_is_the_median_of_the_repetitions_ratios(self):
        measured = made_up(encrypt__pulseal__openssl__64=[300, 100, 200], encrypt__floor__openssl__64=[100, 200, 400])
        self.assertEqual(self.figure(measured, "encrypt over the floor, openssl, 64 B").value, 0.5)

    def test_ways_that_were_not_measured_as_often_have_no_paired_ratio(self):
        measured = made_up(encrypt__pulseal__openssl__64=[300, 100], encrypt__floor__openssl__64=[100])
        self.assertIsNone(self.figure(measured, "encrypt over the floor, openssl, 64 B").value)
        self.assertIsNone(measured.paired_ratio("encrypt/pulseal/openssl/64", "encrypt/floor/openssl/65"))

    def test_scaling_is_held_against_the_floors(self):
        measured = made_up(**{"threads-encrypt__pulseal-shared__openssl__256__threads:1": [100],
                              "threads-encrypt__pulseal-shared__openssl__256__threads:2": [80],
                              "threads-encrypt__floor__openssl__256__threads:1": [100],
                              "threads-encrypt__floor__openssl__256__threads:2": [50]})
        figure = self.figure(measured, "two threads on one object, scaling over the floor's, encrypt, openssl, 256 B")
        self.assertAlmostEqual(figure.value, 0.625)
        self.assertEqual(figure.verdict(), "**missed**")
        self.assertIn("1 missed:", report.missed(measured))

    def test_a_further_recipient_by_the_byte(self):
        measured = made_up()
        measured.add("recipients-encrypt/pulseal/openssl/1", {"ns": 500, "field_bytes": 300})
        measured.add("recipients-encrypt/pulseal/openssl/32", {"ns": 1400, "field_bytes": 9300})
        self.assertAlmostEqual(self.figure(measured, "a further recipient, ns for each byte it adds, encrypt, openssl").value, 0.1)

    def test_the_fastest_client_counts(self):
        measured = made_up(**{"clients-encrypt__pulseal__openssl__256": [100], "clients-encrypt__java-17__own__256": [700],
                              "clients-encrypt__go__own__256": [1400]})
        self.assertEqual(self.figure(measured, "faster than the fastest official client's, encrypt, 256 B").value, 7)

    def test_the_page_has_every_part(self):
        page = report.render(made_up(encrypt__pulseal__openssl__64=[100, 110, 130], encrypt__floor__openssl__64=[100]))
        self.assertIsNone(re.search(r"@\w+@", page))
        self.assertIn("| 64 B | 110 ns | 105 ns – 120 ns | 100 ns | 1.10 |  |", page)
        self.assertIn("No must is missed.", page)

    def test_times(self):
        for ns, text in ((999, "999 ns"), (9999, "9,999 ns"), (22_400, "22.4 µs"), (1_500_000, "1.5 ms"), (2e9, "2 s")):
            self.assertEqual(report.time_text(ns), text)


class ResultsTest(unittest.TestCase):
    def test_what_is_saved_is_loaded(self):
        measured = made_up(a__b__openssl__1=[1, 2])
        measured.series = {"x": [1, 2]}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "new/results.json"
            measured.save(path)
            self.assertEqual(vars(Results.load(path)), vars(measured))


if __name__ == "__main__":
    unittest.main()
