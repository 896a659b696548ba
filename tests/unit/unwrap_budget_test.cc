// SPDX-License-Identifier: Apache-2.0
#include "lib/unwrap_budget.h"

#include <gtest/gtest.h>

namespace pulseal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

int TakeAll(UnwrapBudget& budget, std::chrono::nanoseconds now) {
  int taken = 0;
  while (budget.Take(now)) ++taken;
  return taken;
}

TEST(UnwrapBudget, HoldsOneSecondsWorthFromTheBeginning) {
  UnwrapBudget budget(10);
  EXPECT_EQ(TakeAll(budget, seconds(5)), 10);
}

TEST(UnwrapBudget, FillsWithTimeUpToOneSecondsWorth) {
  UnwrapBudget budget(10);
  TakeAll(budget, seconds(5));
  EXPECT_EQ(TakeAll(budget, seconds(5) + milliseconds(99)), 0);
  EXPECT_EQ(TakeAll(budget, seconds(5) + milliseconds(350)), 3);
  EXPECT_EQ(TakeAll(budget, seconds(500)), 10);
}

TEST(UnwrapBudget, PaysDebtsFirst) {
  UnwrapBudget budget(10);
  EXPECT_TRUE(budget.Take(seconds(1)));
  budget.Charge(19);  // 10 - 1 - 19 = -10
  EXPECT_EQ(TakeAll(budget, seconds(2)), 0);
  EXPECT_EQ(TakeAll(budget, seconds(3)), 10);
}

TEST(UnwrapBudget, SurvivesAClockThatStepsBack) {
  UnwrapBudget budget(2);
  EXPECT_EQ(TakeAll(budget, seconds(10)), 2);
  EXPECT_EQ(TakeAll(budget, seconds(3)), 0);
  EXPECT_EQ(TakeAll(budget, seconds(4)), 2);
}

}  // namespace
}  // namespace pulseal
