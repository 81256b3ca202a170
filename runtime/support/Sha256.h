//===- Sha256.h - SHA-256 digests -------------------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_SUPPORT_SHA256_H
#define GOSSAMER_RUNTIME_SUPPORT_SHA256_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace gossamer {

using Sha256Digest = std::array<uint8_t, 32>;

/// Hashes a stream of bytes. Movable; one thread at a time. The constructor
/// throws std::bad_alloc when memory is used up; nothing else fails.
class Sha256 {
public:
  Sha256();
  Sha256(Sha256 &&) noexcept;
  Sha256 &operator=(Sha256 &&) noexcept;
  ~Sha256();

  void update(std::span<const std::byte> bytes);
  void update(std::string_view text) {
    update(std::as_bytes(std::span(text.data(), text.size())));
  }

  /// Returns the digest of everything so far and starts anew.
  Sha256Digest finish();

private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// Digest of one range.
Sha256Digest sha256(std::span<const std::byte> bytes);
inline Sha256Digest sha256(std::string_view text) {
  return sha256(std::as_bytes(std::span(text.data(), text.size())));
}

/// Two lower-case hexadecimal digits a byte.
std::string toHex(std::string_view bytes);
std::string toHex(const Sha256Digest &digest);

/// The raw 32 bytes, as the manifest stores them.
inline std::string_view toBytes(const Sha256Digest &digest) {
  return {reinterpret_cast<const char *>(digest.data()), digest.size()};
}

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_SUPPORT_SHA256_H
