// SPDX-License-Identifier: Apache-2.0
#include "lib/bounded_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pulseal {
namespace {

class Entry {
 public:
  explicit Entry(std::string identity) : identity_(std::move(identity)) {}
  const std::string& identity() const { return identity_; }
  bool TakeSecondChance() { return std::exchange(used, false); }
  bool used = false;

 private:
  const std::string identity_;
};

class BoundedTableTest : public ::testing::Test {
 protected:
  using Table = BoundedTable<Entry>;
  void Add(Table& table, const std::string& identity) { table.Add(std::make_shared<Entry>(identity), &dropped_); }
  static Entry* Find(const Table& table, const std::string& identity) {
    return table.Find(identity, Table::Hash(identity));
  }
  std::vector<std::string> TakeDropped() {
    std::vector<std::string> names;
    for (const auto& entry : dropped_) names.push_back(entry->identity());
    dropped_.clear();
    return names;
  }
  std::vector<std::shared_ptr<Entry>> dropped_;
};

TEST_F(BoundedTableTest, FindsWhatWasAdded) {
  Table table(3);
  Add(table, "a");
  EXPECT_EQ(Find(table, "a")->identity(), "a");
  EXPECT_EQ(Find(table, "b"), nullptr);
  EXPECT_EQ(table.size(), 1u);
}

TEST_F(BoundedTableTest, DropsTheOldestBeyondItsCapacity) {
  Table table(2);
  for (const char* identity : {"a", "b", "c"}) Add(table, identity);
  EXPECT_EQ(TakeDropped(), std::vector<std::string>{"a"});
  EXPECT_EQ(Find(table, "a"), nullptr);
  EXPECT_EQ(table.size(), 2u);
}

TEST_F(BoundedTableTest, GivesASecondChanceOnceForEachUse) {
  Table table(2);
  Add(table, "a");
  Add(table, "b");
  Find(table, "a")->used = true;
  Add(table, "c");
  EXPECT_EQ(TakeDropped(), std::vector<std::string>{"b"});
  Add(table, "d");
  EXPECT_EQ(TakeDropped(), std::vector<std::string>{"a"}) << "not used again since";
}

TEST_F(BoundedTableTest, ReplacesAnEntryOfTheSameIdentity) {
  Table table(2);
  Add(table, "a");
  const Entry* const old = Find(table, "a");
  Add(table, "a");
  EXPECT_EQ(TakeDropped(), std::vector<std::string>{"a"});
  EXPECT_NE(Find(table, "a"), old);
  EXPECT_EQ(table.size(), 1u);
}

TEST_F(BoundedTableTest, RemovesWhatAPredicateNames) {
  Table table(3);
  for (const char* identity : {"a", "b", "c"}) Add(table, identity);
  table.RemoveIf([](const Entry& entry) { return entry.identity() != "b"; }, &dropped_);
  EXPECT_EQ(TakeDropped(), (std::vector<std::string>{"a", "c"}));
  EXPECT_NE(Find(table, "b"), nullptr);
  EXPECT_EQ(table.size(), 1u);
}

TEST_F(BoundedTableTest, BoundsTheBytesOfIdentities) {
  Table table(1000);
  for (int i = 0; i < 1000; ++i) Add(table, std::string(16 * 1024, 'x') + std::to_string(i));
  EXPECT_LE(table.size(), 1000u * 1024 / (16 * 1024));
  EXPECT_GE(table.size(), 50u);
}

TEST_F(BoundedTableTest, HoldsTheLargestIdentityEvenWithACapacityOfOne) {
  Table table(1);
  Add(table, std::string(16 * 1024, 'x'));
  EXPECT_EQ(table.size(), 1u);
}

TEST_F(BoundedTableTest, OfNoCapacityKeepsNothing) {
  Table table(0);
  Add(table, "a");
  EXPECT_EQ(TakeDropped(), std::vector<std::string>{"a"});
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace pulseal
