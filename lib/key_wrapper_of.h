// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_KEY_WRAPPER_OF_H_
#define PULSEAL_LIB_KEY_WRAPPER_OF_H_

#include <memory>

#include "pulseal/key_wrapper.h"
#include "pulseal/message_decryptor.h"
#include "pulseal/message_encryptor.h"

namespace pulseal {

// The key wrapper that checked options stand for: their own, or one around their key reader. A decryptor's may have
// neither; then it is one that has no keys.
std::shared_ptr<KeyWrapper> KeyWrapperOf(const EncryptorOptions& options);
std::shared_ptr<KeyWrapper> KeyWrapperOf(const DecryptorOptions& options);

}  // namespace pulseal

#endif  // PULSEAL_LIB_KEY_WRAPPER_OF_H_
