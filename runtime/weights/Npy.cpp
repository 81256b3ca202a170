//===- Npy.cpp - Reading NumPy array files --------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A .npy file is "\x93NUMPY", a major and a minor version, the size of the
// header as u16 (version 1) or u32, and the header: a Python dictionary
//   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
// padded with spaces and ended by a newline, then the elements.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/Npy.h"
#include "runtime/support/CheckedMath.h"
#include <algorithm>
#include <bit>
#include <cassert>
#include <charconv>
#include <cstring>

using namespace gossamer;

static_assert(std::endian::native == std::endian::little,
              "elements are copied in the order of memory");

namespace {

constexpr std::string_view magic = "\x93NUMPY";

struct TypeName {
  NpyType type;
  std::string_view descr;
};
constexpr TypeName typeNames[] = {{NpyType::F32, "<f4"},
                                  {NpyType::I32, "<i4"},
                                  {NpyType::F16, "<f2"},
                                  {NpyType::U8, "|u1"},
                                  {NpyType::I64, "<i8"}};

struct NpyHeader {
  std::string descr;
  std::string fortranOrder;
  std::vector<uint64_t> shape;
};

/// Reads the one form of dictionary that NumPy writes. Any key order and any
/// spaces are accepted.
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  /// True when the whole text is a dictionary with the three known keys, once
  /// each.
  bool parse(NpyHeader &header) {
    // What NumPy writes for these types is plain text; messages quote it.
    if (!std::all_of(rest_.begin(), rest_.end(), isPlain) || !skip('{'))
      return false;
    unsigned seen = 0;
    while (!skip('}')) {
      std::string key;
      if (!quoted(key) || !skip(':'))
        return false;
      unsigned bit = key == "descr" ? 1 : key == "fortran_order" ? 2 : 4;
      bool ok = bit == 1   ? quoted(header.descr)
                : bit == 2 ? word(header.fortranOrder)
                           : key == "shape" && tuple(header.shape);
      if (!ok || (seen & bit) != 0)
        return false;
      seen |= bit;
      if (!skip(',') && peek() != '}')
        return false;
    }
    return seen == 7 && peek() == '\0';
  }

private:
  static bool isPlain(char c) { return c == '\n' || (c >= 0x20 && c < 0x7F); }

  char peek() {
    size_t start = rest_.find_first_not_of(" \n");
    rest_.remove_prefix(std::min(start, rest_.size()));
    return rest_.empty() ? '\0' : rest_.front();
  }

  bool skip(char expected) {
    if (peek() != expected)
      return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool quoted(std::string &out) {
    char quote = peek();
    if (quote != '\'' && quote != '"')
      return false;
    size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos)
      return false;
    out = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    // A line break may stand between values, not within one.
    return out.find('\n') == std::string::npos;
  }

  bool word(std::string &out) {
    peek();
    size_t end = std::min(rest_.find_first_of(",} \n"), rest_.size());
    out = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return !out.empty();
  }

  bool tuple(std::vector<uint64_t> &out) {
    if (!skip('('))
      return false;
    while (!skip(')')) {
      peek();
      uint64_t extent = 0;
      auto [end, error] =
          std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
      if (error != std::errc())
        return false;
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
      out.push_back(extent);
      if (!skip(',') && peek() != ')')
        return false;
    }
    return true;
  }

  std::string_view rest_;
};

/// Splits the file into its header and its elements.
Status splitFile(const MappedFile &file, std::string_view &header,
                 std::string_view &data) {
  std::string_view text = file.text();
  if (!NpyFile::hasMagic(text) || text.size() < magic.size() + 4)
    return invalidData(file.path() + ": is not a .npy file");
  unsigned major = static_cast<unsigned char>(text[6]);
  if (major < 1 || major > 3)
    return invalidData(file.path() +
                       ": expects .npy version 1, 2 or 3 but "
                       "got " +
                       std::to_string(major));
  size_t sizeBytes = major == 1 ? 2 : 4;
  text.remove_prefix(8);
  uint32_t size = 0;
  if (text.size() >= sizeBytes)
    std::memcpy(&size, text.data(), sizeBytes);
  if (text.size() < sizeBytes || size > text.size() - sizeBytes)
    return invalidData(file.path() +
                       ": expects the header within the file "
                       "but got a size of " +
                       std::to_string(size));
  header = text.substr(sizeBytes, size);
  data = text.substr(sizeBytes + size);
  return Status::ok();
}

Expected<NpyType> readType(const std::string &path, const NpyHeader &header,
                           bool onlyWords) {
  for (const TypeName &name : typeNames)
    if (header.descr == name.descr &&
        (!onlyWords || npyElementBytes(name.type) == 4))
      return name.type;
  return invalidData(path +
                     (onlyWords ? ": expects descr '<f4' or '<i4' but got '"
                                : ": expects descr '<f2', '<f4', '<i4', '<i8' "
                                  "or '|u1' but got '") +
                     header.descr.substr(0, 60) + "'");
}

/// Checks what a header says about elements of `dataBytes` bytes.
Status checkHeader(const std::string &path, const NpyHeader &header,
                   NpyType type, uint64_t dataBytes) {
  if (header.fortranOrder != "False")
    return invalidData(path + ": expects fortran_order False but got " +
                       header.fortranOrder.substr(0, 60));
  std::optional<uint64_t> size =
      checkedProduct(header.shape, npyElementBytes(type));
  if (!size || *size != dataBytes)
    return invalidData(path + ": expects " +
                       (size ? std::to_string(*size) : "fewer than 2^64") +
                       " bytes of elements but got " +
                       std::to_string(dataBytes));
  return Status::ok();
}

template <typename T>
void copyElements(std::string_view data, uint64_t first, std::span<T> out) {
  assert(rangeFits(first, out.size(), data.size() / sizeof(T)));
  if (!out.empty())
    std::memcpy(out.data(), data.data() + first * sizeof(T), out.size_bytes());
}

} // namespace

bool NpyFile::hasMagic(std::string_view bytes) {
  return bytes.starts_with(magic);
}

uint64_t gossamer::npyElementBytes(NpyType type) {
  switch (type) {
  case NpyType::F32:
  case NpyType::I32:
    return 4;
  case NpyType::F16:
    return 2;
  case NpyType::U8:
    return 1;
  case NpyType::I64:
    return 8;
  }
  return 0;
}

std::string_view gossamer::npyTypeName(NpyType type) {
  for (const TypeName &name : typeNames)
    if (name.type == type)
      return name.descr;
  return "";
}

Expected<NpyFile> NpyFile::read(MappedFile file, bool onlyWords) {
  NpyFile array;
  array.file_ = std::move(file);
  const std::string &path = array.path();
  std::string_view text;
  GOSS_RETURN_IF_ERROR(splitFile(array.file_, text, array.data_));
  NpyHeader header;
  if (!HeaderParser(text).parse(header))
    return invalidData(path + ": expects a header with descr, fortran_order "
                              "and shape");
  GOSS_ASSIGN_OR_RETURN(array.type_, readType(path, header, onlyWords));
  GOSS_RETURN_IF_ERROR(
      checkHeader(path, header, array.type_, array.data_.size()));
  array.shape_ = std::move(header.shape);
  return array;
}

Expected<NpyFile> NpyFile::read(MappedFile file) {
  return read(std::move(file), /*onlyWords=*/false);
}

Expected<NpyFile> NpyFile::open(const std::string &path) {
  GOSS_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  return read(std::move(file), /*onlyWords=*/true);
}

void NpyFile::read(uint64_t first, std::span<float> out) const {
  assert(type_ == NpyType::F32);
  copyElements(data_, first, out);
}

void NpyFile::read(uint64_t first, std::span<int32_t> out) const {
  assert(type_ == NpyType::I32);
  copyElements(data_, first, out);
}

Expected<NpyArray> gossamer::readNpy(const std::string &path) {
  GOSS_ASSIGN_OR_RETURN(NpyFile file, NpyFile::open(path));
  NpyArray array;
  array.type = file.type();
  array.shape.assign(file.shape().begin(), file.shape().end());
  if (file.type() == NpyType::F32) {
    array.floats.resize(file.elementCount());
    file.read(0, array.floats);
  } else {
    array.integers.resize(file.elementCount());
    file.read(0, array.integers);
  }
  return array;
}
