//===- Sha256.cpp - SHA-256 digests ---------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/Sha256.h"
#include <new>
#include <openssl/crypto.h>
#include <openssl/evp.h>

using namespace gossamer;

struct Sha256::Context {
  EVP_MD_CTX *evp;
  ~Context() { EVP_MD_CTX_free(evp); }
};

namespace {

/// Initialises the library once. Its configuration file is not read: a digest
/// must not depend on what a machine has in /etc/ssl.
void initialiseCrypto() {
  static const bool done = [] {
    return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) == 1;
  }();
  if (!done)
    throw std::bad_alloc();
}

/// SHA-256 is built in, so that the calls can only fail for lack of memory.
void require(int result) {
  if (result != 1)
    throw std::bad_alloc();
}

} // namespace

Sha256::Sha256() {
  initialiseCrypto();
  EVP_MD_CTX *evp = EVP_MD_CTX_new();
  if (!evp)
    throw std::bad_alloc();
  context_.reset(new Context{evp});
  require(EVP_DigestInit_ex(evp, EVP_sha256(), nullptr));
}

Sha256::Sha256(Sha256 &&) noexcept = default;
Sha256 &Sha256::operator=(Sha256 &&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  require(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()));
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest;
  unsigned size = 0;
  require(EVP_DigestFinal_ex(context_->evp, digest.data(), &size));
  require(EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr));
  return digest;
}

Sha256Digest gossamer::sha256(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

std::string gossamer::toHex(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (char c : bytes) {
    text += digits[(c >> 4) & 15];
    text += digits[c & 15];
  }
  return text;
}

std::string gossamer::toHex(const Sha256Digest &digest) {
  return toHex(toBytes(digest));
}
