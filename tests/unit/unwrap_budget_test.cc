// SPDX-License-Identifier: Apache-2.0
#include "lib/unwrap_budget.h"

#include <gtest/gtest.h>

namespace pulseal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

int TakeAll(UnwrapBudget& budget, std::chrono::nanoseconds now) {
  int taken = 0;
  while (budget.Begin(now)) ++taken;
  return taken;
}

TEST(UnwrapBudget, HoldsOneSecondsWorthFromTheBeginning) {
  UnwrapBudget budget(10, 25);
  EXPECT_EQ(TakeAll(budget, seconds(5)), 10);
}

TEST(UnwrapBudget, FillsWithTimeUpToOneSecondsWorth) {
  UnwrapBudget budget(10, 25);
  TakeAll(budget, seconds(5));
  EXPECT_EQ(TakeAll(budget, seconds(5) + milliseconds(99)), 0);
  EXPECT_EQ(TakeAll(budget, seconds(5) + milliseconds(350)), 3);
  EXPECT_EQ(TakeAll(budget, seconds(500)), 10);
}

TEST(UnwrapBudget, PaysFirstWhatIsOwed) {
  UnwrapBudget budget(10, 25);
  EXPECT_TRUE(budget.Begin(seconds(1)));
  budget.Charge(19);  // 10 - 1 - 19 = -10
  EXPECT_EQ(TakeAll(budget, seconds(2)), 0);
  EXPECT_EQ(TakeAll(budget, seconds(3)), 10);
}

TEST(UnwrapBudget, WhatHasBegunGoesOnUntilTheMostIsOwed) {
  UnwrapBudget budget(10, 25);
  EXPECT_EQ(TakeAll(budget, seconds(1)), 10);
  for (int i = 0; i < 25; ++i) EXPECT_TRUE(budget.GoOn(seconds(1)));
  EXPECT_FALSE(budget.GoOn(seconds(1)));
  EXPECT_TRUE(budget.GoOn(seconds(1) + milliseconds(100)));
  EXPECT_FALSE(budget.Begin(seconds(1) + milliseconds(100)));
}

TEST(UnwrapBudget, ForgivesWhatWouldBeOwedBeyondTheMost) {
  UnwrapBudget budget(10, 25);
  EXPECT_TRUE(budget.Begin(seconds(1)));
  for (int i = 0; i < 1000; ++i) budget.Charge(8);
  EXPECT_FALSE(budget.GoOn(seconds(1)));
  EXPECT_EQ(TakeAll(budget, seconds(3)), 0);  // -25 + 20
  EXPECT_EQ(TakeAll(budget, seconds(4)), 5);
}

TEST(UnwrapBudget, SurvivesAClockThatStepsBack) {
  UnwrapBudget budget(2, 5);
  EXPECT_EQ(TakeAll(budget, seconds(10)), 2);
  EXPECT_EQ(TakeAll(budget, seconds(3)), 0);
  EXPECT_EQ(TakeAll(budget, seconds(4)), 2);
}

}  // namespace
}  // namespace pulseal
