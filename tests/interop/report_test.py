#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report.py --check must go red when docs/interop.md and the code say different things; and what clean() makes of log lines."""
import copy
import json
import re
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import report
from questions import Result, clean, whats_wrong


class Check(unittest.TestCase):
    def setUp(self):
        cells = [{**one, "outcome": "pass", "detail": ""} for module in report.SUITES.values() for one in module.cells()]
        self.report = {"versions": report.clients.versions(), "cells": cells}

    def problems(self, changed, page=None):
        with tempfile.TemporaryDirectory() as name, mock.patch.object(report, "DOCS", Path(name)):
            (Path(name) / "interop.json").write_text(report.to_json(changed), encoding="utf-8")
            (Path(name) / "interop.md").write_text(report.render(changed) if page is None else page, encoding="utf-8")
            return "\n".join(report.problems())

    def changed(self):
        return copy.deepcopy(self.report)

    def test_is_green_where_all_fits(self):
        self.assertEqual(self.problems(self.report), "")

    def test_finds_a_cell_that_was_not_run(self):
        changed = self.changed()
        changed["cells"].pop()
        self.assertIn("defined, and not in docs/interop.json", self.problems(changed))

    def test_finds_a_cell_that_is_not_defined(self):
        changed = self.changed()
        changed["cells"].append({**changed["cells"][0], "what": {"case": "another"}})
        self.assertIn("in docs/interop.json, and not defined", self.problems(changed))

    def test_finds_a_cell_that_is_there_twice(self):
        changed = self.changed()
        changed["cells"].append(changed["cells"][0])
        self.assertIn("2 times in docs/interop.json", self.problems(changed))

    def test_finds_a_failure(self):
        changed = self.changed()
        changed["cells"][0]["outcome"] = "fail"
        self.assertIn("failed: ", self.problems(changed))

    def test_finds_another_version(self):
        changed = self.changed()
        changed["versions"]["java"] = "1.0"
        self.assertIn("'java': '1.0'", self.problems(changed))

    def test_finds_an_edited_page(self):
        self.assertIn("docs/interop.md isn't", self.problems(self.report, report.render(self.report) + "\n"))

    def test_every_row_of_a_table_has_its_columns(self):
        for table in re.findall(r"(?:^\|.*\n)+", report.render(self.report), re.MULTILINE):
            columns = [len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()]
            self.assertEqual(set(columns), {columns[0]}, table)

    def test_the_json_is_one_cell_a_line(self):
        text = report.to_json(self.report)
        self.assertEqual(json.loads(text), self.report)
        self.assertEqual(len(text.splitlines()), len(self.report["cells"]) + 5)


class WhatsWrong(unittest.TestCase):
    SENT = [{"payload_base64": "YQ==", "properties": {"n": "1"}}, {"payload_base64": "Yg=="}]

    def test_nothing(self):
        self.assertEqual(whats_wrong(Result([{**one, "producer": "p"} for one in self.SENT]), self.SENT), "")

    def test_an_error_a_loss_another_order_another_property(self):
        self.assertEqual(whats_wrong(Result(self.SENT, "broken"), self.SENT), "broken")
        self.assertEqual(whats_wrong(Result(self.SENT[:1]), self.SENT), "1 of 2 messages came")
        self.assertEqual(whats_wrong(Result(self.SENT[::-1]), self.SENT), "message 1: another payload")
        another = [{**self.SENT[0], "properties": {}}, self.SENT[1]]
        self.assertEqual(whats_wrong(Result(another), self.SENT), "message 1: another properties")


class Clean(unittest.TestCase):
    def test_leaves_what_is_the_same_in_every_run(self):
        self.assertEqual(clean('time="2026-11-22T07:24:30Z" level=error msg="consuming failed" name=abc error="no key" '
                               'topic="persistent://public/default/topic-7"'), "consuming failed: no key")
        self.assertEqual(clean("2026-11-22 07:24:30.123 ERROR [139] ConsumerImpl:12 | [persistent://public/default/topic-7, "
                               "subscription-3, 0] failed"), "ConsumerImpl: failed")
        self.assertEqual(clean("[pulsar-client-io-1-1] WARN org.apache.pulsar.client.impl.ClientCnx - gone 127.0.0.1:2345"),
                         "ClientCnx: gone 127.0.0.1:PORT")


if __name__ == "__main__":
    unittest.main()
