//===- ToolTemplate.h - Tools as the model is told of them ------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_TEXT_TOOLTEMPLATE_H
#define GOSSAMER_RUNTIME_TEXT_TOOLTEMPLATE_H

#include "runtime/support/Json.h"
#include "runtime/text/Conversation.h"

namespace gossamer {

/// The "# Tools" section of a system or developer message: namespaces in the
/// order of their names, functions with TypeScript signatures. Fails when the
/// parameters of a tool are not JSON.
Expected<std::string>
renderToolSection(const std::vector<ToolNamespace> &namespaces);

/// The TypeScript type of a JSON schema, lines after the first indented by
/// `indent`. What a schema says beyond the supported keywords (type, enum,
/// oneOf, nullable, items, properties, required, title, description, examples,
/// default) is left out; an unknown type is "any". Reproduces the published
/// renderer to the byte, oddities included, because models were trained on
/// its output.
std::string schemaToTypeScript(JsonValue schema, const std::string &indent);

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_TEXT_TOOLTEMPLATE_H
