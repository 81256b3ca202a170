//===- JsonTree.h - Storage of a parsed JSON text ---------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Shared by the parser and the accessors only. All nodes of a document lie in
// one vector in the order of the text: the children of node i start at i + 1
// and the next sibling of node i is node i.end. Strings lie in one buffer.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_SUPPORT_JSONTREE_H
#define GOSSAMER_RUNTIME_SUPPORT_JSONTREE_H

#include "runtime/support/Json.h"
#include <string>
#include <vector>

namespace gossamer::detail {

/// A range of JsonTree::strings.
struct JsonText {
  uint32_t offset = 0;
  uint32_t length = 0;
};

struct JsonNode {
  JsonKind kind = JsonKind::Null;
  uint32_t parent = 0; ///< index of the enclosing node; 0 for the root.
  uint32_t end = 0;    ///< index after the last node of this subtree.
  JsonText name;       ///< name of a member.
  union {
    bool boolean;
    int64_t integer = 0;
    double number;
    JsonText text;
    uint64_t count; ///< children of an array or object.
  };
};

struct JsonTree {
  std::string source;
  std::string strings;
  std::vector<JsonNode> nodes;

  std::string_view text(JsonText range) const {
    return std::string_view(strings).substr(range.offset, range.length);
  }
};

} // namespace gossamer::detail

#endif // GOSSAMER_RUNTIME_SUPPORT_JSONTREE_H
