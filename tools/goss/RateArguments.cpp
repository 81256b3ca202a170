//===- RateArguments.cpp - What rates are measured of ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/RateArguments.h"

namespace gossamer::tools {

void RateArguments::addTo(Command &command) {
  command
      .integer("-p,--prompt-tokens", "N", prompt, {0, 1 << 24},
               "prompt tokens computed together, 0 to leave out (default 512)")
      .integer("-n,--decode-tokens", "N", decode, {0, 1 << 24},
               "tokens computed one by one, 0 to leave out (default 128)")
      .integer("-d,--depth", "N", depth, {0, 1 << 24},
               "tokens already in the cache (default 0)");
}

} // namespace gossamer::tools
