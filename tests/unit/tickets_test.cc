// SPDX-License-Identifier: Apache-2.0
#include "lib/tickets.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

namespace pulseal {
namespace {

TEST(Tickets, GivesOutSoManyAndTheSameAgainWithTheLastCopy) {
  const Tickets tickets(2);
  std::shared_ptr<void> first = tickets.Take();
  const std::shared_ptr<void> second = tickets.Take();
  EXPECT_NE(first, nullptr);
  EXPECT_NE(second, nullptr);
  EXPECT_EQ(tickets.Take(), nullptr);
  std::shared_ptr<void> copy = first;
  first.reset();
  EXPECT_EQ(tickets.Take(), nullptr);
  copy.reset();
  EXPECT_NE(tickets.Take(), nullptr);
}

TEST(Tickets, MayEndBeforeThem) {
  std::optional<Tickets> tickets(std::in_place, 1);
  const std::shared_ptr<void> ticket = tickets->Take();
  EXPECT_NE(ticket, nullptr);
  tickets.reset();
}

}  // namespace
}  // namespace pulseal
