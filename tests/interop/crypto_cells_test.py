#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What crypto_cells.py makes of a cell that doesn't work."""
import unittest
from pathlib import Path
from unittest import mock

import crypto_cells
import differences
from crypto_cells import Cell

CELL = Cell("pulseal", "go", "rsa-2048", "SPKI", "PKCS#8")
LISTED = differences.Difference("listed", "Go", "", "", "impossible", lambda cell: cell == CELL.named(), "can't parse")


class FakePair:
    """A client and us of which it is known what goes wrong between whom."""

    def __init__(self, errors):
        self._errors = errors

    def errors(self, cell):
        return self._errors.get((cell.writer, cell.reader), {}), 2


def judged(errors, listed=LISTED):
    with mock.patch.object(differences, "ALL", [listed]):
        return crypto_cells.judge(CELL, FakePair(errors), Path("/keys"))


class Judge(unittest.TestCase):
    def test_what_works_passes(self):
        self.assertEqual(judged({("go", "go"): {"run 1": "irrelevant"}}), ("pass", "", 2, None))

    def test_an_error_is_the_clients_where_it_has_it_with_itself_and_it_is_listed(self):
        errors = {"run 1": "can't  parse\n/keys/x.pem", "run 2": "can't parse y"}
        judgement = judged({("pulseal", "go"): errors, ("go", "go"): errors})
        self.assertEqual(judgement, ("impossible", "can't parse y", 2, "listed"))

    def test_a_defect_is_named(self):
        errors = {"run 1": "can't parse", "run 2": "can't parse"}
        defect = differences.Difference("name", "Go", "", "", "client-defect", LISTED.concerns)
        judgement = judged({("pulseal", "go"): errors, ("go", "go"): errors}, defect)
        self.assertEqual(judgement[:2], ("client-defect", "name: can't parse"))

    def test_an_error_that_it_doesnt_have_with_itself_is_a_failure(self):
        for with_itself in ({}, {"run 2": "can't parse"}):
            outcome, detail, _, _ = judged({("pulseal", "go"): {"run 1": "can't parse"}, ("go", "go"): with_itself})
            self.assertEqual(outcome, "fail")
            self.assertIn("1 of 2 runs (run 1): can't parse", detail)

    def test_an_error_that_isnt_listed_is_a_failure(self):
        errors = {"run 1": "can't parse", "run 2": "something else"}
        self.assertEqual(judged({("pulseal", "go"): errors, ("go", "go"): errors})[0], "fail")

    def test_what_is_listed_and_not_shown_is_told(self):
        with mock.patch.object(differences, "ALL", [LISTED]):
            self.assertEqual(crypto_cells.not_shown({None}), ["listed"])
            self.assertEqual(crypto_cells.not_shown({None, "listed"}), [])


class Cells(unittest.TestCase):
    def test_every_key_and_form_is_there_once(self):
        cells = [str(cell) for client in crypto_cells.OTHERS for cell in crypto_cells.cells_of(client)]
        self.assertEqual(len(set(cells)), len(cells))
        # RSA: 3 sizes in 3 public and 2 private forms; EC: 3 curves, named and explicit, in 2 and 3; 9 altered messages.
        self.assertEqual(len(cells), 3 * 2 * (3 * 3 * 2 + 6 * 2 * 3 + 9))


if __name__ == "__main__":
    unittest.main()
