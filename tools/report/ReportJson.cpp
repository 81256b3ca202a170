//===- ReportJson.cpp - Reports as JSON -----------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// By reflection, so that a field of report.proto is in the JSON as soon as it
// exists. Protobuf's own printer is not used: it writes 64-bit numbers as
// strings.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/JsonWriter.h"
#include "runtime/support/Sha256.h"
#include "tools/report/ReportPrinters.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

namespace gossamer::tools {

namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void writeEnum(JsonWriter &json, const FieldDescriptor &field, int number) {
  const EnumValueDescriptor *value =
      field.enum_type()->FindValueByNumber(number);
  if (value)
    json.value(value->name());
  else
    json.value(number); // An open enumeration holds what it was given.
}

void writeText(JsonWriter &json, const FieldDescriptor &field,
               const std::string &text) {
  if (field.type() == FieldDescriptor::TYPE_BYTES)
    json.value(toHex(std::string_view(text)));
  else
    json.value(text);
}

void writeMessage(JsonWriter &json, const Message &message);

/// One element of a repeated field, or the field where `index` is negative.
// Messages of report.proto do not contain themselves.
// NOLINTNEXTLINE(misc-no-recursion)
void writeValue(JsonWriter &json, const Message &message,
                const FieldDescriptor *field, int index) {
  const google::protobuf::Reflection &in = *message.GetReflection();
  bool one = index < 0;
  switch (field->cpp_type()) {
#define GOSS_NUMBER(type, name)                                                \
  case FieldDescriptor::CPPTYPE_##type:                                        \
    json.value(one ? in.Get##name(message, field)                              \
                   : in.GetRepeated##name(message, field, index));             \
    return
    GOSS_NUMBER(INT32, Int32);
    GOSS_NUMBER(INT64, Int64);
    GOSS_NUMBER(UINT32, UInt32);
    GOSS_NUMBER(UINT64, UInt64);
    GOSS_NUMBER(DOUBLE, Double);
    GOSS_NUMBER(FLOAT, Float);
    GOSS_NUMBER(BOOL, Bool);
#undef GOSS_NUMBER
  case FieldDescriptor::CPPTYPE_ENUM:
    return writeEnum(json, *field,
                     one ? in.GetEnumValue(message, field)
                         : in.GetRepeatedEnumValue(message, field, index));
  case FieldDescriptor::CPPTYPE_STRING:
    return writeText(json, *field,
                     one ? in.GetString(message, field)
                         : in.GetRepeatedString(message, field, index));
  case FieldDescriptor::CPPTYPE_MESSAGE:
    return writeMessage(json,
                        one ? in.GetMessage(message, field)
                            : in.GetRepeatedMessage(message, field, index));
  }
}

bool isEmpty(const Message &message, const FieldDescriptor *field) {
  const google::protobuf::Reflection &in = *message.GetReflection();
  if (field->is_repeated())
    return in.FieldSize(message, field) == 0;
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
    return !in.HasField(message, field);
  return field->cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
         in.GetString(message, field).empty();
}

// NOLINTNEXTLINE(misc-no-recursion)
void writeMessage(JsonWriter &json, const Message &message) {
  const google::protobuf::Descriptor &type = *message.GetDescriptor();
  json.beginObject();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor *field = type.field(i);
    if (isEmpty(message, field))
      continue;
    json.key(field->name());
    if (!field->is_repeated()) {
      writeValue(json, message, field, -1);
      continue;
    }
    json.beginArray();
    int size = message.GetReflection()->FieldSize(message, field);
    for (int k = 0; k < size; ++k)
      writeValue(json, message, field, k);
    json.endArray();
  }
  json.endObject();
}

} // namespace

std::string printMessageJson(const Message &message, unsigned indent) {
  JsonWriter json(indent);
  writeMessage(json, message);
  return json.take() + "\n";
}

std::string printReportJson(const proto::Report &report, unsigned indent) {
  return printMessageJson(report, indent);
}

} // namespace gossamer::tools
