// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_NO_THREADS_H_
#define PULSEAL_TESTS_SUPPORT_NO_THREADS_H_

#include <pthread.h>

#include <cstddef>

namespace pulseal::testing {

// While it lives, no thread can be started: the default stack is larger than the address space.
class NoThreads {
 public:
  NoThreads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t huge;
    pthread_getattr_default_np(&huge);
    pthread_attr_setstacksize(&huge, size_t{1} << 48);
    pthread_setattr_default_np(&huge);
    pthread_attr_destroy(&huge);
  }
  ~NoThreads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }

 private:
  pthread_attr_t before_;
};

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_NO_THREADS_H_
