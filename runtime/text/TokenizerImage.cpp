//===- TokenizerImage.cpp - Binary images of tokenizers -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The image is a header of eight 32-bit words and the arrays of the tables one
// after another, all little-endian:
//
//   "GTOK" | version | flags (bit 0: whole pieces) | ids | merges
//     | control tokens | token bytes | pattern bytes
//   u32 token offsets [ids+1], u32 control token ids
//   u32 merge offsets [ids+1], u32 rights, ranks and results [merges] each
//   token bytes, pattern
//
// Nothing pads and nothing follows: the header gives the size exactly. The
// tables check what they are made of, whatever the image holds.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/TokenizerTables.h"
#include <bit>
#include <cstring>

using namespace gossamer;

namespace {

constexpr uint32_t kMagic = 0x4B4F5447; // "GTOK"
constexpr uint32_t kVersion = 1;
constexpr uint32_t kWholePieces = 1;

struct Header {
  uint32_t magic;
  uint32_t version;
  uint32_t flags;
  uint32_t ids;
  uint32_t merges;
  uint32_t specials;
  uint32_t tokenBytes;
  uint32_t patternBytes;

  /// Bytes of the whole image; cannot overflow, being a sum of few products
  /// of 32-bit numbers.
  uint64_t imageBytes() const {
    uint64_t words = 2 * (uint64_t(ids) + 1) + specials + 3 * uint64_t(merges);
    return sizeof(Header) + 4 * words + tokenBytes + patternBytes;
  }
};
static_assert(sizeof(Header) == 32);
static_assert(std::endian::native == std::endian::little,
              "images are little-endian and copied as they are");

class ImageWriter {
public:
  void add(const void *data, size_t bytes) {
    image_.append(static_cast<const char *>(data), bytes);
  }
  void add(const std::vector<uint32_t> &words) {
    add(words.data(), words.size() * sizeof(uint32_t));
  }
  std::string take() { return std::move(image_); }

private:
  std::string image_;
};

/// Takes arrays off the front of bytes whose number was checked before.
class ImageReader {
public:
  explicit ImageReader(std::span<const std::byte> image) : rest_(image) {}

  void take(void *data, size_t bytes) {
    if (bytes > 0)
      std::memcpy(data, rest_.data(), bytes);
    rest_ = rest_.subspan(bytes);
  }
  std::vector<uint32_t> takeWords(size_t count) {
    std::vector<uint32_t> words(count);
    take(words.data(), count * sizeof(uint32_t));
    return words;
  }
  std::string takeBytes(size_t count) {
    std::string bytes(count, '\0');
    take(bytes.data(), count);
    return bytes;
  }

private:
  std::span<const std::byte> rest_;
};

Status checkHeader(const Header &header, uint64_t size) {
  if (header.magic != kMagic)
    return invalidData("expects the magic GTOK but got other bytes");
  if (header.version != kVersion)
    return invalidData("expects version " + std::to_string(kVersion) +
                       " but got " + std::to_string(header.version));
  if (header.flags & ~kWholePieces)
    return invalidData("expects flags 0 or 1 but got " +
                       std::to_string(header.flags));
  if (header.imageBytes() != size)
    return invalidData("expects " + std::to_string(header.imageBytes()) +
                       " bytes but got " + std::to_string(size));
  return Status::ok();
}

} // namespace

std::string Tokenizer::serialize() const {
  const TokenTable::Data &tokens = tables_->tokens.data();
  const MergeTable::Data &merges = tables_->merges.data();
  Header header = {kMagic,
                   kVersion,
                   tables_->wholePieces ? kWholePieces : 0,
                   tables_->tokens.size(),
                   static_cast<uint32_t>(merges.rights.size()),
                   static_cast<uint32_t>(tokens.specials.size()),
                   static_cast<uint32_t>(tokens.bytes.size()),
                   static_cast<uint32_t>(tables_->pattern.size())};
  ImageWriter writer;
  writer.add(&header, sizeof(header));
  writer.add(tokens.offsets);
  writer.add(tokens.specials);
  writer.add(merges.offsets);
  writer.add(merges.rights);
  writer.add(merges.ranks);
  writer.add(merges.results);
  writer.add(tokens.bytes.data(), tokens.bytes.size());
  writer.add(tables_->pattern.data(), tables_->pattern.size());
  return writer.take();
}

Expected<Tokenizer> Tokenizer::fromImage(std::span<const std::byte> image,
                                         const std::string &source) {
  Header header;
  if (image.size() < sizeof(header))
    return invalidData(source + ": expects at least " +
                       std::to_string(sizeof(header)) + " bytes but got " +
                       std::to_string(image.size()));
  ImageReader reader(image);
  reader.take(&header, sizeof(header));
  GOSS_RETURN_IF_ERROR(checkHeader(header, image.size()).withContext(source));

  TokenTable::Data tokenData;
  MergeTable::Data mergeData;
  tokenData.offsets = reader.takeWords(size_t(header.ids) + 1);
  tokenData.specials = reader.takeWords(header.specials);
  mergeData.offsets = reader.takeWords(size_t(header.ids) + 1);
  mergeData.rights = reader.takeWords(header.merges);
  mergeData.ranks = reader.takeWords(header.merges);
  mergeData.results = reader.takeWords(header.merges);
  tokenData.bytes = reader.takeBytes(header.tokenBytes);
  std::string pattern = reader.takeBytes(header.patternBytes);

  auto pretokenizer = Pretokenizer::create(pattern);
  if (!pretokenizer)
    return pretokenizer.status().withContext(source);
  auto tokens = TokenTable::create(std::move(tokenData));
  if (!tokens)
    return tokens.status().withContext(source);
  auto merges = MergeTable::create(std::move(mergeData), *tokens);
  if (!merges)
    return merges.status().withContext(source);
  return Tokenizer(std::make_shared<const Tables>(
      Tables{std::move(pattern), pretokenizer.take(), tokens.take(),
             merges.take(), (header.flags & kWholePieces) != 0}));
}
