// SPDX-License-Identifier: Apache-2.0
//
// The program is ended before every call that changes a file, and in the middle of every write; the disk is full, or can't be
// written to, from each of them on; or it can't be read. What was there before is there still, and nothing half-written is
// taken for whole.
#include <gtest/gtest.h>

#include <string>

#include "tests/cli/shell.h"

#ifdef PULSEAL_FAILING_CALLS
namespace pulseal::testing {
namespace {

// each_fault KIND BEFORE COMMAND AFTER: for N = 1, 2, ... until nothing is left to go wrong: BEFORE, then COMMAND with the
// fault, then AFTER, which finds in $status how COMMAND ended and fails where it finds something wrong. Prints what is
// wrong, also that there were fewer faults than $least. $first is done in COMMAND's process, whose id is $BASHPID.
constexpr char kEachFault[] = R"sh(
preload=')sh" PULSEAL_FAILING_CALLS R"sh('
first=:
each_fault() {
  for ((n = 1; n < 100; ++n)); do
    eval "$2"
    (eval "$first"; export PULSEAL_FAULT=$1:$n LD_PRELOAD=$preload; eval "exec $3") > said 2>&1
    status=$?
    eval "$4" > why 2>&1 || echo "$1:$n: status $status, $(cat said why)"
    if [ $status = 0 ]; then break; fi
    [ $status = $(case $1 in tear|die) echo 86;; *) echo 3;; esac) ] || echo "$1:$n: status $status, $(cat said)"
  done
  ((n > least && n < 100)) || echo "$1: $n faults"
}
)sh";

class CrashTest : public ::testing::Test {
 protected:
  CrashTest() {
    shell_.GiveKeyPair("p-256", "orders");
    shell_.GivePublicKey("p-256", "newcomer");
  }

  void ExpectQuiet(const std::string& commands) { EXPECT_EQ(shell_.Run(kEachFault + commands), (Outcome{0, "", ""})); }

  Shell shell_;
};

TEST_F(CrashTest, AKeyPairIsWholeOrNotThere) {
  ExpectQuiet(R"sh(
least=13
whole() {
  mkdir -p k
  [ -z "$(ls k | grep -v -e '^a.public.pem$' -e '^a.private.pem$')" ] || return 1
  if [ -e k/a.public.pem ]; then pulseal check k/a.public.pem k/a.private.pem -q || return 1
  elif [ -e k/a.private.pem ]; then pulseal check k/a.private.pem -q || return 1; fi
}
for kind in tear full read-only; do each_fault $kind 'rm -rf k' 'pulseal keygen a --key-dir k --type p-256 -q' whole; done
)sh");
}

// Between the two renames there is a moment in which the old public key lies beside the new private one.
TEST_F(CrashTest, AnOldPrivateKeyIsThereAsLongAsItsPublicKeyIs) {
  ExpectQuiet(R"sh(
least=12
is_there() {
  if cmp -s k/a.public.pem keys/orders.public.pem; then
    for file in k/a.private.pem k/.a.private.pem.*; do cmp -s $file keys/orders.private.pem && return; done
    return 1
  fi
  pulseal check k/a.public.pem k/a.private.pem -q
}
old='rm -rf k; mkdir k; for half in public private; do cp keys/orders.$half.pem k/a.$half.pem; done'
for kind in tear full read-only; do each_fault $kind "$old" 'pulseal keygen a --key-dir k --type p-256 --force -q' is_there; done
)sh");
}

// A killed program left it aside, and in a container the next program may have the same process id.
TEST_F(CrashTest, AnOldPrivateKeyAsideIsTherePastAProgramOfTheSameProcessId) {
  ExpectQuiet(R"sh(
least=12
is_there() { grep -qx precious k/.a.private.pem.*.old; }
old='rm -rf k; mkdir k; echo old > k/a.private.pem; cp keys/orders.public.pem k/a.public.pem'
first='echo precious > k/.a.private.pem.$BASHPID.old'
for kind in full read-only; do each_fault $kind "$old" 'pulseal keygen a --key-dir k --type p-256 --force -q' is_there; done
)sh");
}

// Another keygen runs beside the one that is held, at each of its calls in turn, to its end or until it waits for the
// first one's lock. Without locks only a pair that somebody else has published whole is left alone.
TEST_F(CrashTest, OfTwoKeygensAtOnceEachKnowsWhatBecameOfItsPair) {
  ExpectQuiet(R"sh(
keygen='pulseal keygen a --key-dir k --type p-256 -q'
is_stopped() { [ "$(sed 's/.*) //; s/ .*//' /proc/$1/stat)" = T ]; }
is_waiting() { grep -q -e "-> FLOCK .* $1 " /proc/locks; }
two() {
  rm -rf k; mkdir k
  PULSEAL_FAULT=$1:$n LD_PRELOAD=$preload $keygen $2 2> said & held=$!
  while kill -0 $held && ! is_stopped $held; do :; done 2> /dev/null
  $keygen $3 2>> said & other=$!
  while kill -0 $other && ! is_waiting $other; do :; done 2> /dev/null
  kill -CONT $held 2> /dev/null || ended=yes
  wait $held; status=$?
  wait $other; status+=$?
  case $status in 00|03|30) ;; *) echo "$*, $n: status $status, $(cat said)";; esac
  pulseal check k/a.public.pem k/a.private.pem -q || echo "$*, $n: status $status, $(cat said)"
  [ "$(ls -A k | tr '\n' ' ')" = 'a.private.pem a.public.pem ' ] || echo "$*, $n: $(ls -A k)"
}
each_pair() { ended=; for ((n = 1; n < 100; ++n)); do two "$@"; [ ! $ended ] || break; done; ((n > 9)) || echo "$*: $n calls"; }
each_pair hold '' ''
each_pair hold '' --force
each_pair hold --force ''
each_pair hold --force --force
each_pair lockless '' --force
)sh");
}

TEST_F(CrashTest, ATopicKeepsWhatWasRecordedAndTakesNoHalfOfAMessage) {
  ExpectQuiet(R"sh(
for i in {1..12}; do head -c 100000 /dev/zero | tr '\0' x; echo; done > in
seq 3 > first; pulseal produce first.topic --to orders < first; cat first in > all
holds() {
  [ -s t.topic ] || pulseal produce t.topic --to orders < /dev/null || return 1
  pulseal consume t.topic > out
  [ $? -le 1 ] && cmp -n $(stat -c %s out) out all || return 1
  lines=$(wc -l < out)
  [ $lines -ge $1 ] && head -n $lines all | cmp - out || return 1
  if [ $status = 3 ]; then grep -q "($((lines - $1)) messages recorded)\|: \(No space left on device\|Read-only file system\)$" said || return 1; fi
  echo last | pulseal produce t.topic --to orders 2> /dev/null || return 1
  pulseal consume t.topic | cmp - <(cat out; echo last)
}
least=3
for kind in tear full read-only; do
  each_fault $kind 'cp first.topic t.topic' 'pulseal produce t.topic --to orders < in' 'holds 3'
done
cp in all
for kind in die tear full read-only; do each_fault $kind 'rm -f t.topic' 'pulseal produce t.topic --to orders < in' 'holds 0'; done
)sh");
}

TEST_F(CrashTest, ARewrappedTopicIsWholeOrNotThere) {
  ExpectQuiet(R"sh(
seq 2000 > in; pulseal produce t.topic --to orders < in
least=6
is_whole() { [ ! -e new.topic ] || pulseal consume new.topic | cmp - in; }
for kind in tear full read-only; do
  each_fault $kind 'rm -f new.topic' 'pulseal rewrap t.topic --to newcomer --to orders --out new.topic -q' is_whole
done
)sh");
}

TEST_F(CrashTest, AClosedTerminalLeavesNothingOfARewrappedTopic) {
  ExpectQuiet(R"sh(
seq 2000 | pulseal produce t.topic --to orders
is_stopped() { [ "$(sed 's/.*) //; s/ .*//' /proc/$1/stat)" = T ]; }
rewrap='pulseal rewrap t.topic --to newcomer --out new.topic -q'
for n in 3 4 5; do
  PULSEAL_FAULT=hold:$n LD_PRELOAD=$preload env --default-signal=HUP $rewrap 2> said & held=$!
  while ! is_stopped $held; do :; done
  kill -HUP $held; kill -CONT $held
  wait $held 2> /dev/null
  status=$?
  [ $status = 129 ] || echo "$n: status $status, $(cat said)"
  if ls -A | grep new; then echo "$n: left aside"; fi
done
)sh");
}

TEST_F(CrashTest, WritesThatAreShortInterruptedOrSlowAreGoneOnWith) {
  ExpectQuiet(R"sh(
seq 500 > in
for fault in short:7 interrupted:2 slow:3; do
  faulty() { PULSEAL_FAULT=$fault LD_PRELOAD=$preload "$@"; }
  faulty pulseal produce t.topic --to orders < in
  faulty pulseal rewrap t.topic --to orders --out new.topic
  faulty pulseal keygen a --key-dir k --type p-256 -q
  pulseal consume t.topic | cmp - in
  pulseal consume new.topic | cmp - in
  pulseal check k/a.public.pem k/a.private.pem -q
  rm -r t.topic new.topic k
done
)sh");
}

TEST_F(CrashTest, WhatCameBeforeADiskThatCanNoLongerBeReadIsWritten) {
  ExpectQuiet(R"sh(
seq 20000 > in; pulseal produce t.topic --to orders < in; cp t.topic before
least=15
longest=0
is_beginning() {
  size=$(stat -c %s out)
  cmp -n $size out in && cmp t.topic before || return 1
  [ $status = 0 ] || grep -q 'Input/output error$' said || return 1
  longest=$((size > longest && status == 3 ? size : longest))
}
each_fault unreadable : 'pulseal consume t.topic > out' is_beginning
[ $longest -ge 80000 ] || echo "of a topic that could be read nearly to its end came $longest bytes"
rewrap='pulseal rewrap t.topic --to newcomer --out new.topic -q'
each_fault unreadable 'rm -f new.topic' "$rewrap" '[ $status = 0 ] || [ ! -e new.topic ]'
)sh");
}

}  // namespace
}  // namespace pulseal::testing
#endif
