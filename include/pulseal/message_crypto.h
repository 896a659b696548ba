// SPDX-License-Identifier: Apache-2.0
//
// MessageCrypto is these two classes: MessageEncryptor for producers and MessageDecryptor for consumers.
// This header brings them, their options, and the ready-made key readers.
#ifndef PULSEAL_MESSAGE_CRYPTO_H_
#define PULSEAL_MESSAGE_CRYPTO_H_

#include "pulseal/cipher_backend.h"       // IWYU pragma: export
#include "pulseal/encryption_metadata.h"  // IWYU pragma: export
#include "pulseal/error.h"                // IWYU pragma: export
#include "pulseal/key_readers.h"          // IWYU pragma: export
#include "pulseal/key_wrapper.h"          // IWYU pragma: export
#include "pulseal/message_decryptor.h"    // IWYU pragma: export
#include "pulseal/message_encryptor.h"    // IWYU pragma: export

#endif  // PULSEAL_MESSAGE_CRYPTO_H_
