// SPDX-License-Identifier: Apache-2.0
#include "lib/lanes.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <set>
#include <thread>
#include <vector>

namespace pulseal {
namespace {

struct Value {
  std::atomic<int> number{0};
  std::atomic<bool> in_use{false};
};
using TestLanes = Lanes<Value>;

std::vector<TestLanes::Lease> TakeAll(TestLanes& lanes) {
  std::vector<TestLanes::Lease> leases;
  while (leases.size() < lanes.count()) leases.push_back(lanes.Take());
  return leases;
}

int Sum(const TestLanes& lanes) {
  int sum = 0;
  lanes.ReadAll([&sum](const Value& value) { sum += value.number; });
  return sum;
}

TEST(Lanes, ThereAreAFewOnEveryMachine) {
  EXPECT_GE(TestLanes().count(), 4u);
  EXPECT_LE(TestLanes().count(), 256u);
}

TEST(Lanes, EveryLaneIsHandedOutOnceUntilItIsGivenBack) {
  TestLanes lanes;
  std::set<size_t> indices;
  std::set<const Value*> values;
  {
    const auto leases = TakeAll(lanes);
    for (const auto& lease : leases) {
      EXPECT_LT(lease.index(), lanes.count());
      indices.insert(lease.index());
      values.insert(&*lease);
    }
    EXPECT_EQ(indices.size(), lanes.count());
    EXPECT_EQ(values.size(), lanes.count());
  }
  EXPECT_EQ(values.count(&*lanes.Take()), 1u);
}

TEST(Lanes, AMovedLeaseIsGivenBackOnce) {
  TestLanes lanes;
  std::optional<TestLanes::Lease> first = lanes.Take();
  std::optional<TestLanes::Lease> second = std::move(*first);
  first.reset();
  size_t held = lanes.VisitFree([](Value&) {});
  EXPECT_EQ(held, 1u);
  second.reset();
  held = lanes.VisitFree([](Value&) {});
  EXPECT_EQ(held, 0u);
}

TEST(Lanes, WhereAllAreHeldThereAreSparesThatAreKeptAndUsedAgain) {
  TestLanes lanes;
  const auto leases = TakeAll(lanes);
  const Value* spare = nullptr;
  {
    const auto first = lanes.Take(), second = lanes.Take();
    EXPECT_EQ(first.index(), TestLanes::kSpare);
    EXPECT_EQ(second.index(), TestLanes::kSpare);
    EXPECT_NE(&*first, &*second);
    spare = &*first;
  }
  EXPECT_EQ(&*lanes.Take(), spare);
}

TEST(Lanes, VisitFreeSeesWhatNobodyHoldsSparesIncluded) {
  TestLanes lanes;
  {
    const auto leases = TakeAll(lanes);
    const auto held_spare = lanes.Take();
    { const auto free_spare = lanes.Take(); }
    size_t visited = 0;
    EXPECT_EQ(lanes.VisitFree([&visited](Value&) { ++visited; }), lanes.count() + 1);
    EXPECT_EQ(visited, 1u);
  }
  size_t visited = 0;
  EXPECT_EQ(lanes.VisitFree([&visited](Value&) { ++visited; }), 0u);
  EXPECT_EQ(visited, lanes.count() + 2);
}

TEST(Lanes, VisitFreeHoldsWhatItVisits) {
  TestLanes lanes;
  lanes.VisitFree([&](Value& visited) { EXPECT_NE(&*lanes.Take(), &visited); });
}

TEST(Lanes, ReadAllSeesHeldLanesAndSpares) {
  TestLanes lanes;
  const auto leases = TakeAll(lanes);
  for (const auto& lease : leases) lease->number = 1;
  const auto spare = lanes.Take();
  spare->number = 100;
  EXPECT_EQ(Sum(lanes), static_cast<int>(lanes.count()) + 100);
}

TEST(Lanes, NoTwoThreadsHoldTheSameLane) {
  TestLanes lanes;
  std::atomic<bool> shared{false};
  std::vector<std::thread> threads;
  constexpr int kThreads = 8, kTurns = 2000;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kTurns; ++i) {
        const auto lease = lanes.Take(), other = lanes.Take();
        if (lease->in_use.exchange(true) || other->in_use.exchange(true)) shared = true;
        lease->number = lease->number + 1;  // two steps: loses some where two threads do it at once
        if (i % 16 == 0) std::this_thread::yield();
        lease->in_use = other->in_use = false;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(shared);
  EXPECT_EQ(Sum(lanes), kThreads * kTurns);
}

}  // namespace
}  // namespace pulseal
