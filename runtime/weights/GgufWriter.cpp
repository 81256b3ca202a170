//===- GgufWriter.cpp - Writing the GGUF container ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/Gguf.h"

#include <bit>

namespace gossamer {

static_assert(std::endian::native == std::endian::little,
              "numbers are written in the order of memory");

template <typename T> static void append(std::string &out, T value) {
  out.append(reinterpret_cast<const char *>(&value), sizeof(T));
}

static void appendText(std::string &out, std::string_view text) {
  append<uint64_t>(out, text.size());
  out += text;
}

void GgufHeader::addKey(std::string_view key, uint32_t type) {
  appendText(metadata_, key);
  append(metadata_, type);
  ++keys_;
}

void GgufHeader::add(std::string_view key, uint32_t value) {
  addKey(key, static_cast<uint32_t>(GgufValueType::U32));
  append(metadata_, value);
}

void GgufHeader::add(std::string_view key, float value) {
  addKey(key, static_cast<uint32_t>(GgufValueType::F32));
  append(metadata_, value);
}

void GgufHeader::add(std::string_view key, std::string_view value) {
  addKey(key, static_cast<uint32_t>(GgufValueType::String));
  appendText(metadata_, value);
}

void GgufHeader::add(std::string_view key,
                     std::span<const std::string> values) {
  addKey(key, static_cast<uint32_t>(GgufValueType::Array));
  append(metadata_, static_cast<uint32_t>(GgufValueType::String));
  append<uint64_t>(metadata_, values.size());
  for (const std::string &value : values)
    appendText(metadata_, value);
}

void GgufHeader::add(std::string_view key, std::span<const int32_t> values) {
  addKey(key, static_cast<uint32_t>(GgufValueType::Array));
  append(metadata_, static_cast<uint32_t>(GgufValueType::I32));
  append<uint64_t>(metadata_, values.size());
  for (int32_t value : values)
    append(metadata_, value);
}

uint64_t GgufHeader::addTensor(std::string_view name,
                               std::span<const uint64_t> shape, GgmlType type,
                               uint64_t bytes) {
  appendText(tensors_, name);
  append(tensors_, static_cast<uint32_t>(shape.size()));
  for (size_t axis = shape.size(); axis-- > 0;)
    append(tensors_, shape[axis]);
  append(tensors_, static_cast<uint32_t>(type));
  uint64_t offset = dataSize_;
  append(tensors_, offset);
  ++tensorCount_;
  dataSize_ = (offset + bytes + alignment - 1) / alignment * alignment;
  return offset;
}

std::string GgufHeader::take() const {
  std::string header(ggufMagic);
  append(header, ggufVersion);
  append(header, tensorCount_);
  append(header, keys_);
  header += metadata_;
  header += tensors_;
  header.resize((header.size() + alignment - 1) / alignment * alignment);
  return header;
}

} // namespace gossamer
