//===- ToolTemplate.cpp - Tools as the model is told of them --------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/ToolTemplate.h"
#include "runtime/support/JsonWriter.h"
#include <algorithm>

using namespace gossamer;

namespace {

std::string quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

bool isTrue(JsonValue value) {
  Expected<bool> flag = value.asBool();
  return flag && *flag;
}

bool isEnum(JsonValue schema) {
  JsonValue values = schema.find("enum");
  return values.isArray() && values.size() > 0;
}

std::string toJson(JsonValue value) {
  JsonWriter writer;
  writer.value(value);
  return writer.take();
}

/// "default: V". A string is quoted unless it is one of an enumeration, whose
/// members the comment names bare (`bareEnums`).
std::string defaultComment(JsonValue schema, bool bareEnums = true) {
  JsonValue value = schema.find("default");
  if (!value.isString())
    return "default: " + toJson(value);
  if (!isEnum(schema))
    return "default: " + quoted(value.text());
  return "default: " + (bareEnums ? std::string(value.text()) : toJson(value));
}

/// The type of `schema` with " | null" where it is marked nullable.
std::string nullableType(JsonValue schema, const std::string &indent) {
  std::string type = schemaToTypeScript(schema, indent);
  if (isTrue(schema.find("nullable")) && type.find("null") == type.npos)
    type += " | null";
  return type;
}

/// One member of an object type, with its comments.
class PropertyRenderer {
public:
  PropertyRenderer(JsonValue property, bool required, const std::string &indent)
      : property_(property), indent_(indent),
        name_(indent + std::string(property.name()) + (required ? "" : "?")) {}

  std::string render() {
    JsonValue variants = property_.find("oneOf");
    if (JsonValue title = property_.find("title"); title.isString())
      out_ +=
          indent_ + "// " + std::string(title.text()) + "\n" + indent_ + "//\n";
    if (!variants.isPresent())
      addDescription();
    addExamples();
    if (variants.isArray())
      addVariants(variants);
    else
      addType(/*withDefault=*/!variants.isPresent());
    return std::move(out_);
  }

private:
  void addDescription() {
    if (JsonValue text = property_.find("description"); text.isString())
      out_ += indent_ + "// " + std::string(text.text()) + "\n";
  }

  void addExamples() {
    JsonValue examples = property_.find("examples");
    if (!examples.isArray() || examples.size() == 0)
      return;
    out_ += indent_ + "// Examples:\n";
    for (JsonValue example : examples)
      if (example.isString())
        out_ += indent_ + "// - " + quoted(example.text()) + "\n";
  }

  void addType(bool withDefault) {
    out_ += name_ + ": " + nullableType(property_, indent_ + "    ") + ",";
    if (withDefault && property_.find("default").isPresent())
      out_ += " // " + defaultComment(property_);
    out_ += "\n";
  }

  /// A "oneOf" member: each variant on a line of its own. The member's
  /// description stands above it, unless the first variant has the same one;
  /// it then stands nowhere.
  void addVariants(JsonValue variants) {
    JsonValue description = property_.find("description");
    bool described =
        description.isString() &&
        (variants.size() == 0 ||
         !(*variants.begin()).find("description").isString() ||
         (*variants.begin()).find("description").text() != description.text());
    if (described)
      addDescription();
    if (property_.find("default").isPresent())
      out_ += indent_ + "// " + defaultComment(property_) + "\n";
    out_ += name_ + ":\n";
    bool first = true;
    for (JsonValue variant : variants) {
      out_ += indent_ + " | " + nullableType(variant, indent_ + "   ");
      std::string comment;
      JsonValue text = variant.find("description");
      if (text.isString() && !(first && described) &&
          !(description.isString() && text.text() == description.text()))
        comment += " " + std::string(text.text());
      if (variant.find("default").isPresent())
        comment += " " + defaultComment(variant);
      out_ += (comment.empty() ? "" : " //" + comment) + "\n";
      first = false;
    }
    out_ += indent_ + ",\n";
  }

  JsonValue property_;
  const std::string &indent_;
  std::string name_;
  std::string out_;
};

std::string objectType(JsonValue schema, const std::string &indent) {
  std::string out;
  if (JsonValue text = schema.find("description"); text.isString())
    out += indent + "// " + std::string(text.text()) + "\n";
  out += "{\n";
  std::vector<std::string_view> required;
  if (JsonValue names = schema.find("required"); names.isArray())
    for (JsonValue name : names)
      if (name.isString())
        required.push_back(name.text());
  std::sort(required.begin(), required.end());
  if (JsonValue properties = schema.find("properties"); properties.isObject())
    for (JsonValue property : properties)
      out +=
          PropertyRenderer(property,
                           std::binary_search(required.begin(), required.end(),
                                              property.name()),
                           indent)
              .render();
  return out + indent + "}";
}

/// A "oneOf" that is not the member of an object.
std::string variantsType(JsonValue variants, const std::string &indent) {
  std::string out;
  for (JsonValue variant : variants) {
    out += "\n" + indent + " | " + nullableType(variant, indent + "   ");
    std::string comment;
    if (JsonValue text = variant.find("description"); text.isString())
      comment += " " + std::string(text.text());
    if (variant.find("default").isPresent())
      comment += " " + defaultComment(variant, /*bareEnums=*/false);
    if (!comment.empty())
      out += " //" + comment;
  }
  return out;
}

std::string stringType(JsonValue schema) {
  std::string out;
  if (JsonValue values = schema.find("enum"); values.isArray())
    for (JsonValue value : values)
      if (value.isString())
        out += (out.empty() ? "" : " | ") + quoted(value.text());
  return out.empty() ? "string" : out;
}

std::string unionType(JsonValue types) {
  std::string out;
  for (JsonValue type : types)
    if (type.isString()) {
      std::string_view name = type.text();
      out += out.empty() ? "" : " | ";
      out += name == "integer" ? "number" : name;
    }
  return out;
}

/// Calls `visit` for each line of `text`; a last line break begins no line.
template <typename Visitor>
void forEachLine(std::string_view text, Visitor visit) {
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (end != text.npos && line.ends_with('\r'))
      line.remove_suffix(1);
    visit(line);
  }
}

Expected<std::string> renderTool(const ToolDescription &tool) {
  std::string out;
  forEachLine(tool.description, [&](std::string_view line) {
    out += "// " + std::string(line) + "\n";
  });
  if (tool.parameters.empty())
    return out + "type " + tool.name + " = () => any;\n\n";
  GOSS_ASSIGN_OR_RETURN(
      JsonDocument schema,
      JsonDocument::parse(tool.parameters, "tool " + tool.name));
  return out + "type " + tool.name +
         " = (_: " + schemaToTypeScript(schema.root(), "") + ") => any;\n\n";
}

/// Lines of a namespace are separated, not ended, by line breaks.
Expected<std::string> renderNamespace(const ToolNamespace &space) {
  std::string out = "## " + space.name + "\n";
  forEachLine(space.description, [&](std::string_view line) {
    out += space.tools.empty() ? "\n" : "\n// ";
    out += line;
  });
  if (space.tools.empty())
    return out;
  out += "\nnamespace " + space.name + " {\n\n";
  for (const ToolDescription &tool : space.tools) {
    GOSS_ASSIGN_OR_RETURN(std::string text, renderTool(tool));
    out += text;
  }
  return out + "} // namespace " + space.name;
}

} // namespace

std::string gossamer::schemaToTypeScript(JsonValue schema,
                                         const std::string &indent) {
  if (JsonValue variants = schema.find("oneOf"); variants.isArray())
    return variantsType(variants, indent);
  JsonValue type = schema.find("type");
  if (type.isArray())
    if (std::string out = unionType(type); !out.empty())
      return out;
  std::string_view name = type.text();
  if (name == "object")
    return objectType(schema, indent);
  if (name == "string")
    return stringType(schema);
  if (name == "number" || name == "integer")
    return "number";
  if (name == "boolean")
    return "boolean";
  if (name == "array") {
    JsonValue items = schema.find("items");
    return items.isPresent() ? schemaToTypeScript(items, indent) + "[]"
                             : "Array<any>";
  }
  return "any";
}

Expected<std::string>
gossamer::renderToolSection(const std::vector<ToolNamespace> &namespaces) {
  std::vector<const ToolNamespace *> sorted;
  sorted.reserve(namespaces.size());
  for (const ToolNamespace &space : namespaces)
    sorted.push_back(&space);
  std::sort(sorted.begin(), sorted.end(),
            [](const ToolNamespace *a, const ToolNamespace *b) {
              return a->name < b->name;
            });
  std::string out = "# Tools";
  for (const ToolNamespace *space : sorted) {
    GOSS_ASSIGN_OR_RETURN(std::string text, renderNamespace(*space));
    out += "\n\n" + text;
  }
  return out;
}
