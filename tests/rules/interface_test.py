#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The checker must find each kind of incompatible change, and take what is compatible."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from interface import code_of, declarations, problems  # pylint: disable=wrong-import-position

HEADER = """
#ifndef GUARD
#include <string>  // for names
namespace a {
// What it is for; with a brace {.
inline constexpr char kUrl[] = "https://example.org/";
enum class Kind { kOne, kTwo };
struct Options {
  enum class Mode { kFast };
  int size = 1;
};
class Reader {
 public:
  virtual ~Reader() = default;
  virtual int Read() = 0;
};
class Object final {
 public:
  Object();
  int Get() const { return value_; }

 private:
  struct State;
  int value_ = 0;
};
int Add(int a,
        int b = 0);
constexpr int Twice(int a) { return 2 * a; }
}  // namespace a
#endif
"""


def interface_of(header):
    return [f"a.h: {declaration}" for declaration in declarations(code_of(header))]


class Interface(unittest.TestCase):
    def problems_after(self, old, new):
        self.assertIn(old, HEADER)
        return list(problems(interface_of(HEADER), interface_of(HEADER.replace(old, new))))

    def expect_taken(self, old, new):
        self.assertEqual(self.problems_after(old, new), [])

    def expect_refused(self, old, new, beginning):
        [problem] = self.problems_after(old, new)
        self.assertTrue(problem.startswith(beginning), problem)

    def test_every_declaration_is_seen(self):
        self.assertEqual([line.split()[1:3] for line in interface_of(HEADER)],
                         [["inline", "constexpr"], ["enum", "class"], ["struct", "Options"], ["class", "Reader"],
                          ["class", "Object"], ["int", "Add(int"], ["constexpr", "int"]])

    def test_what_changes_nothing(self):
        self.expect_taken("a,\n        int b", "a, int b")
        self.expect_taken("// What", "// All that")
        self.expect_taken("#include <string>", "#include <map>\n#include <string>")

    def test_what_may_come(self):
        self.expect_taken("constexpr int Twice", "int Subtract(int a, int b);\nconstexpr int Twice")
        self.expect_taken("kTwo }", "kTwo, kThree }")
        self.expect_taken("  Object();", "  Object();\n  void Set(int value);")

    def test_what_may_not(self):
        self.expect_refused("int b = 0", "int b = 0, int c = 0", "a.h: gone: int Add(")
        self.expect_refused("int a) {", "long a) {", "a.h: gone: constexpr int Twice(")
        self.expect_refused("kOne, kTwo", "kTwo", "a.h: changed: enum class Kind")
        self.expect_refused("kOne, kTwo", "kTwo, kOne", "a.h: changed: enum class Kind")
        self.expect_refused("int size = 1;", "int size = 1, other = 0;", "a.h: changed: struct Options")
        self.expect_refused("kFast }", "kFast, kSlow }", "a.h: changed: struct Options")
        self.expect_refused("Read() = 0;", "Read() = 0;\n  virtual int Write() = 0;", "a.h: changed: class Reader")
        self.expect_refused("  Object();\n", "", "a.h: changed: class Object")
        self.expect_refused("int value_ = 0;", "int value_ = 0, other_ = 0;", "a.h: changed: class Object")
        self.expect_refused("class Object final", "class Object", "a.h: gone: class Object final")
        self.expect_refused("Options {", "Choices {", "a.h: gone: struct Options")


if __name__ == "__main__":
    unittest.main()
