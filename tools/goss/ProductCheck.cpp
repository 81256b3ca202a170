//===- ProductCheck.cpp - Compiled products against exact ones ------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/ProductCheck.h"

#include "runtime/model/Scheduler.h"
#include "tools/goss/LaunchValues.h"
#include "tools/validate/DecodeCheck.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <tbb/parallel_for.h>

namespace gossamer::tools {

double ProductError::relative() const {
  if (squaredErrors == 0)
    return 0;
  bool isMeasured = squaredExact > 0 && std::isfinite(squaredErrors);
  return isMeasured ? std::sqrt(squaredErrors / squaredExact)
                    : std::numeric_limits<double>::infinity();
}

namespace {

/// Rows of float32 that a launch reads or wrote.
struct Rows {
  const float *values = nullptr;
  uint64_t count = 0;
  uint64_t columns = 0;

  std::span<const float> row(uint64_t index) const {
    return {values + index * columns, columns};
  }
};

/// What a launch of one of the known kinds works on.
struct Operands {
  Rows input; ///< none of an embedding.
  Rows output;
  const int32_t *indices = nullptr; ///< tokens, or the chosen experts.
  std::vector<const LocatedParameter *> parameters; ///< weight, then bias.
};

class Checker final : public DispatchObserver {
public:
  Checker(const Model &oracle, const Checkpoint &checkpoint)
      : manifest_(oracle.manifest()), values_(manifest_),
        located_(locateParameters(checkpoint)) {
    for (const LocatedParameter &each : located_)
      bySymbol_[each.parameter->symbol] = &each;
  }

  void dispatched(const DispatchEvent &event) override {
    for (const goss_launch &launch : event.launches)
      check(launch, event.dims);
  }
  ProductErrors take() { return std::move(errors_); }

private:
  void check(const goss_launch &launch, const goss_dims &dims);
  bool readOperands(const goss_launch &launch, const goss_dims &dims,
                    Operands &operands) const;
  void checkEmbedding(const Operands &operands, ProductError &error) const;
  void checkNorm(const Operands &operands, ProductError &error) const;
  void checkLinear(const Operands &operands, bool hasExperts,
                   ProductError &error) const;
  void checkSoftmax(const Operands &operands, uint64_t keys,
                    ProductError &error) const;

  const proto::Manifest &manifest_;
  LaunchValues values_;
  std::vector<LocatedParameter> located_;
  std::map<std::string, const LocatedParameter *> bySymbol_;
  ProductErrors errors_;
};

void compare(double exact, double got, ProductError &error) {
  double difference = std::abs(exact - got);
  // Not a number is as far off as can be.
  if (!std::isfinite(difference))
    difference = std::numeric_limits<double>::infinity();
  ++error.numbers;
  error.maxError = std::max(error.maxError, difference);
  error.squaredErrors += difference * difference;
  error.squaredExact += exact * exact;
}

void add(const ProductError &from, ProductError &to) {
  to.numbers += from.numbers;
  to.maxError = std::max(to.maxError, from.maxError);
  to.squaredErrors += from.squaredErrors;
  to.squaredExact += from.squaredExact;
}

/// Runs `check(row, error)` for all rows in parallel; sums in their order.
template <typename Function>
void checkRows(uint64_t rows, ProductError &error, const Function &check) {
  std::vector<ProductError> errors(rows);
  tbb::parallel_for(uint64_t{0}, rows,
                    [&](uint64_t row) { check(row, errors[row]); });
  for (const ProductError &each : errors)
    add(each, error);
}

bool Checker::readOperands(const goss_launch &launch, const goss_dims &dims,
                           Operands &operands) const {
  const proto::Launch &info = manifest_.launches(static_cast<int>(launch.id));
  if (values_.of(launch.id).size() != 1)
    return false;
  const LaunchValue &value = values_.of(launch.id)[0];
  std::vector<uint64_t> shape = value.shapeIn(dims);
  if (value.type != NpyType::F32)
    return false;
  operands.output = {static_cast<const float *>(launch.bindings[value.binding]),
                     std::accumulate(shape.begin(), shape.end() - 1,
                                     uint64_t{1}, std::multiplies<>()),
                     shape.back()};
  for (int i = 0; i < info.bindings_size(); ++i) {
    const proto::Binding &binding = info.bindings(i);
    const void *data = launch.bindings[i];
    if (binding.role() == proto::Binding::PARAMETER) {
      const std::string &symbol =
          manifest_.tensors(static_cast<int>(binding.index())).parameter();
      auto found = bySymbol_.find(symbol);
      if (found == bySymbol_.end())
        return false;
      // Blocks and scales are two bindings of one parameter.
      if (operands.parameters.empty() ||
          operands.parameters.back() != found->second)
        operands.parameters.push_back(found->second);
    } else if (binding.written()) {
      continue;
    } else if (binding.role() == proto::Binding::TOKENS ||
               binding.dtype() == "I32") {
      operands.indices = static_cast<const int32_t *>(data);
    } else if (binding.dtype() == "F32" && binding.shape_size() > 1) {
      uint64_t columns = binding.shape(binding.shape_size() - 1);
      uint64_t perRow = binding.shape_size() > 2 ? binding.shape(1) : 1;
      operands.input = {static_cast<const float *>(data), shape[0] * perRow,
                        columns};
    }
  }
  return !operands.parameters.empty();
}

void Checker::checkEmbedding(const Operands &operands,
                             ProductError &error) const {
  ParameterReader weight(*operands.parameters[0]->parameter,
                         operands.parameters[0]->locations);
  checkRows(operands.output.count, error, [&](uint64_t row, ProductError &sum) {
    std::vector<double> exact(weight.columns());
    weight.readExact(static_cast<uint64_t>(operands.indices[row]), exact);
    for (size_t i = 0; i < exact.size(); ++i)
      compare(exact[i], operands.output.row(row)[i], sum);
  });
}

void Checker::checkNorm(const Operands &operands, ProductError &error) const {
  ParameterReader weight(*operands.parameters[0]->parameter,
                         operands.parameters[0]->locations);
  std::vector<double> scale(weight.columns());
  weight.readExact(0, scale);
  double epsilon = manifest_.config().rms_norm_eps();
  checkRows(operands.output.count, error, [&](uint64_t row, ProductError &sum) {
    std::span<const float> x = operands.input.row(row);
    double squares = 0;
    for (float each : x)
      squares += double{each} * each;
    double factor =
        1 / std::sqrt(squares / static_cast<double>(x.size()) + epsilon);
    for (size_t i = 0; i < x.size(); ++i)
      compare(scale[i] * x[i] * factor, operands.output.row(row)[i], sum);
  });
}

/// A row of weights is decoded once, for all inputs that it is multiplied with.
void Checker::checkLinear(const Operands &operands, bool hasExperts,
                          ProductError &error) const {
  const Rows &in = operands.input, &out = operands.output;
  ParameterReader weight(*operands.parameters[0]->parameter,
                         operands.parameters[0]->locations);
  std::optional<ParameterReader> bias;
  if (operands.parameters.size() > 1)
    bias.emplace(*operands.parameters[1]->parameter,
                 operands.parameters[1]->locations);
  // Rows of output by the matrix that made them.
  std::map<uint64_t, std::vector<uint64_t>> byMatrix;
  for (uint64_t row = 0; row < out.count; ++row)
    byMatrix[hasExperts ? static_cast<uint32_t>(operands.indices[row]) : 0]
        .push_back(row);
  // One input for all the experts of a token, or one for each.
  uint64_t outputsPerInput = out.count / in.count;
  for (const auto &[matrix, rows] : byMatrix) {
    if ((matrix + 1) * out.columns > weight.rows()) {
      // No such expert: whatever came out is wrong.
      compare(0, std::numeric_limits<double>::quiet_NaN(), error);
      continue;
    }
    std::vector<double> offsets(out.columns);
    if (bias)
      bias->readExact(matrix, offsets);
    checkRows(out.columns, error, [&](uint64_t column, ProductError &sum) {
      std::vector<double> w(weight.columns());
      weight.readExact(matrix * out.columns + column, w);
      for (uint64_t row : rows) {
        std::span<const float> x = in.row(row / outputsPerInput);
        double exact =
            std::inner_product(w.begin(), w.end(), x.begin(), offsets[column]);
        compare(exact, out.row(row)[column], sum);
      }
    });
  }
}

/// Rows are heads of tokens; of their scores the step fills the first `keys`.
void Checker::checkSoftmax(const Operands &operands, uint64_t keys,
                           ProductError &error) const {
  ParameterReader weight(*operands.parameters[0]->parameter,
                         operands.parameters[0]->locations);
  std::vector<double> sinks(weight.columns());
  weight.readExact(0, sinks);
  checkRows(operands.output.count, error, [&](uint64_t row, ProductError &sum) {
    std::span<const float> scores = operands.input.row(row);
    scores = scores.first(std::min<uint64_t>(keys, scores.size()));
    double sink = sinks[row % sinks.size()];
    double most = std::max(sink, double{*std::ranges::max_element(scores)});
    double total = std::exp(sink - most);
    for (float score : scores)
      total += std::exp(score - most);
    for (size_t i = 0; i < scores.size(); ++i)
      compare(std::exp(scores[i] - most) / total, operands.output.row(row)[i],
              sum);
  });
}

void Checker::check(const goss_launch &launch, const goss_dims &dims) {
  const proto::Launch &info = manifest_.launches(static_cast<int>(launch.id));
  const std::string &operation =
      manifest_.kernels(static_cast<int>(info.kernel())).operation();
  Operands operands;
  if (!readOperands(launch, dims, operands) || operands.output.count == 0)
    return;
  ProductError error;
  if (operation == "embedding" && operands.indices)
    checkEmbedding(operands, error);
  else if (operation == "rms_norm" && operands.input.count)
    checkNorm(operands, error);
  else if (operation == "linear" && operands.input.count)
    checkLinear(operands, false, error);
  else if (operation == "expert_linear" && operands.input.count &&
           operands.indices)
    checkLinear(operands, true, error);
  else if (operation == "softmax_sink" && operands.input.count && dims.keys > 0)
    checkSoftmax(operands, static_cast<uint64_t>(dims.keys), error);
  else
    return;
  for (const LocatedParameter *parameter : operands.parameters)
    add(error, errors_[parameter->parameter->symbol]);
}

} // namespace

Expected<ProductErrors>
checkProducts(const std::shared_ptr<const Model> &oracle,
              const Checkpoint &checkpoint, std::span<const int32_t> tokens) {
  Checker checker(*oracle, checkpoint);
  GOSS_ASSIGN_OR_RETURN(std::unique_ptr<Scheduler> scheduler,
                        Scheduler::create(oracle));
  GOSS_ASSIGN_OR_RETURN(Session session, scheduler->newSession());
  GOSS_RETURN_IF_ERROR(session.append(tokens));
  StepEntry entry{&session, LogitsOf::EveryToken};
  GOSS_RETURN_IF_ERROR(scheduler->step({&entry, 1}, &checker).status());
  return checker.take();
}

} // namespace gossamer::tools
