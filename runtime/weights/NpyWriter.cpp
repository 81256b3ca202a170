//===- NpyWriter.cpp - Writing NumPy array files --------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/CheckedMath.h"
#include "runtime/weights/Npy.h"
#include <bit>

using namespace gossamer;

static_assert(std::endian::native == std::endian::little,
              "elements are written in the order of memory");

namespace {

constexpr size_t dataAlignment = 64;
constexpr size_t elementBytes = 4;

template <typename T> std::string_view toBytes(std::span<const T> elements) {
  return {reinterpret_cast<const char *>(elements.data()),
          elements.size_bytes()};
}

template <typename T>
Status writeArray(const std::string &path, NpyType type,
                  std::span<const T> elements,
                  std::span<const uint64_t> shape) {
  if (checkedProduct(shape) != elements.size())
    return internalError(path +
                         ": expects elements for the whole shape but "
                         "got " +
                         std::to_string(elements.size()));
  GOSS_ASSIGN_OR_RETURN(NpyWriter writer, NpyWriter::create(path, type, shape));
  GOSS_RETURN_IF_ERROR(writer.write(0, elements));
  return writer.commit();
}

} // namespace

Expected<std::string> gossamer::makeNpyHeader(const std::string &path,
                                              NpyType type,
                                              std::span<const uint64_t> shape) {
  std::string text = "{'descr': '";
  text += npyTypeName(type);
  text += "', 'fortran_order': False, 'shape': (";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  text += shape.size() == 1 ? ",), }" : "), }";
  std::string start("\x93NUMPY\x01\x00", 8);
  while ((start.size() + 2 + text.size() + 1) % dataAlignment != 0)
    text += ' ';
  text += '\n';
  if (text.size() > UINT16_MAX)
    return internalError(path + ": expects a header below 64 KiB but got " +
                         std::to_string(text.size()) + " bytes");
  start += {static_cast<char>(text.size() & 255),
            static_cast<char>(text.size() >> 8)};
  return start + text;
}

Expected<NpyWriter> NpyWriter::create(const std::string &path, NpyType type,
                                      std::span<const uint64_t> shape) {
  GOSS_ASSIGN_OR_RETURN(std::string header, makeNpyHeader(path, type, shape));
  std::optional<uint64_t> dataBytes = checkedProduct(shape, elementBytes);
  std::optional<uint64_t> end =
      dataBytes ? checkedAdd(header.size(), *dataBytes) : std::nullopt;
  if (!end)
    return invalidData(path + ": expects an array of fewer than 2^64 bytes");
  GOSS_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  GOSS_RETURN_IF_ERROR(file.write(header));
  NpyWriter writer(std::move(file), type, *dataBytes / elementBytes);
  GOSS_RETURN_IF_ERROR(writer.file_.extend(*end));
  return writer;
}

Status NpyWriter::writeBytes(NpyType type, uint64_t first,
                             std::string_view bytes) {
  uint64_t count = bytes.size() / elementBytes;
  if (type != type_ || !rangeFits(first, count, elements_))
    return internalError(file_.path() +
                         ": expects elements of the array but "
                         "got " +
                         std::to_string(count) + " from number " +
                         std::to_string(first) + " on");
  written_ += count;
  return file_.overwrite(dataBegin_ + first * elementBytes, bytes);
}

Status NpyWriter::write(uint64_t first, std::span<const float> elements) {
  return writeBytes(NpyType::F32, first, toBytes(elements));
}

Status NpyWriter::write(uint64_t first, std::span<const int32_t> elements) {
  return writeBytes(NpyType::I32, first, toBytes(elements));
}

Status NpyWriter::commit() {
  if (written_ != elements_)
    return internalError(
        file_.path() + ": expects " + std::to_string(elements_) +
        " elements to be written but got " + std::to_string(written_));
  return file_.commit();
}

Status gossamer::writeNpy(const std::string &path,
                          std::span<const float> elements,
                          std::span<const uint64_t> shape) {
  return writeArray(path, NpyType::F32, elements, shape);
}

Status gossamer::writeNpy(const std::string &path,
                          std::span<const int32_t> elements,
                          std::span<const uint64_t> shape) {
  return writeArray(path, NpyType::I32, elements, shape);
}
